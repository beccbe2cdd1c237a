"""Runs a lesson."""


def main() -> None: ...
