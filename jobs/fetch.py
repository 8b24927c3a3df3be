"""``python -m jobs.fetch``: the public sets, downloaded once and checked picture by picture.

``fetch_registry.json`` says where a set's archive lies and what it must hold. Pictures are
recognised by their content (see registry.py), so any archive that holds them will do. The registry
may therefore leave the archive's own checksum open (null): mirrors pack the same pictures anew,
and every picture is checked in any case.
"""

import argparse
import sys
from pathlib import Path

from srcnn.called import called
from srcnn.door import Refused, command
from srcnn.paths import RootPaths

NAMES = ("bsds500", "set5", "set14", "t91")


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser. Names are listed here, not imported, so that --help answers at once."""
    p = argparse.ArgumentParser(
        prog=called("jobs.fetch"),
        description="Download public sets of pictures to ROOT/data/downloads/NAME, where studies look for them.",
    )
    p.add_argument("names", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    p.add_argument("--root", type=Path, default=Path("results"), help="folder of results (default: results)")
    p.add_argument("--url", help="another address of the set's archive (zip or tar), for one NAME")
    p.add_argument("--registry", type=Path, metavar="FILE", help="other addresses and checksums than the packaged")
    return p


@command
def main(argv: list[str] | None = None) -> int:
    """Return 0 if every set is there, 1 if an archive lacked pictures, 2 if a set could not be had, 130 on Ctrl-C."""
    arguments = parser().parse_args(argv)
    names = list(dict.fromkeys(arguments.names))
    if arguments.url and len(names) > 1:
        raise Refused(f"--url is the address of one set, not of {len(names)}: {', '.join(names)}")

    from jobs.download import fetch_and_say
    from jobs.registry import PACKAGED, RegistryError, read_registry

    file = arguments.registry or PACKAGED
    try:
        sets = read_registry(file).sets
    except RegistryError as error:
        raise Refused(error) from error
    absent = [name for name in names if name not in sets]
    if absent:
        raise Refused(f"{file}: lists {', '.join(sets)}, not {', '.join(absent)}")
    downloads = RootPaths(arguments.root.expanduser().resolve()).downloads
    try:
        return max([fetch_and_say(sets[name], downloads / name, arguments.url) for name in names])
    except KeyboardInterrupt:
        print("\nStopped. Complete sets are kept; the same command begins the others anew.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
