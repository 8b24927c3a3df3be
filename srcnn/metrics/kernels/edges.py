"""Canny's edges, as OpenCV finds them."""

import cv2
import numpy as np


def canny(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return where a uint8 picture (H, W) has an edge, as booleans (H, W).

    Edges are the local maxima along the gradient of |G_x| + |G_y|, by Sobel's operator 3x3, above ``high``, or above
    ``low`` and connected with such a one.
    """
    return cv2.Canny(picture, low, high) > 0
