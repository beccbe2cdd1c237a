"""What can come of a question besides that the law holds, and what can come of a server before any is put."""

from laboratory.oracle import Fault


class BrokenError(Exception):
    """A law is broken, or some: by these faults."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(", ".join(fault.verdict for fault in faults))
        self.faults = faults


class NotReachedError(Exception):
    """The question does not apply to this server, and why."""


class UnknownError(Exception):
    """The question could not be put to its end, and why."""


class BlindError(UnknownError):
    """What was lost had no id yet: nobody could resume it, and so it proves nothing."""


class UnfitError(Exception):
    """Nothing can be proven with this server or tool, and why."""


class NothingToResumeError(UnfitError):
    """The server does not offer resumption: that is no fault."""
