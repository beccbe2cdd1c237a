from workshop import ctrl_c  # noqa: F401 # pyright: ignore[reportUnusedImport] (before all that takes time to import)
from workshop.command import main

if __name__ == "__main__":
    main()
