"""The option that states the scale of luma of given weights, for the commands that take such a file."""

import argparse

MOST_SCALE = 16  # that a network enlarges by


def add_weights_scale(p: argparse.ArgumentParser) -> None:
    """Add the option that states what a file of weights does not tell."""
    p.add_argument(
        "--weights-scale",
        type=float,
        nargs=2,
        metavar=("MEAN", "STD"),
        help="of luma on [0, 1] in the training of weights whose file does not tell (default: 0 1, luma as it is)",
    )
