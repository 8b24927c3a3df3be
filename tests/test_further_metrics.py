"""MS-SSIM, GMSD, VIFp, HaarPSI and MDSI are what their authors' programs compute, transcribed step by step."""

import numpy as np
import pytest
from pictures import noisy, photograph

from srcnn.metrics import score

SHAPES = [(48, 64, 3), (61, 47, 3), (45, 50)]


def pair(shape):
    picture = photograph(*shape[:2]) if shape[0] < 300 else np.pad(photograph(320, 320), ((0, 65), (0, 70), (0, 0)))
    picture = picture if len(shape) == 3 else np.ascontiguousarray(picture[..., 1])
    return picture, noisy(picture, 20)


def grey(image):
    """What rgb2gray makes of bytes."""
    return image.astype(float) if image.ndim == 2 else np.floor(image @ [0.299, 0.587, 0.114] + 0.500001)


def conv2(image, kernel, shape="same"):
    """MATLAB's conv2."""
    height, width = image.shape
    rows, columns = kernel.shape
    full = np.zeros((height + rows - 1, width + columns - 1))
    for i in range(rows):
        for j in range(columns):
            full[i : i + height, j : j + width] += kernel[i, j] * image
    if shape == "valid":
        return full[rows - 1 : height, columns - 1 : width]
    return full[rows // 2 : rows // 2 + height, columns // 2 : columns // 2 + width]


def gaussian(size, sigma):
    """fspecial('gaussian', size, sigma)."""
    line = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * sigma**2))
    return np.outer(line, line) / line.sum() ** 2


def gradients(image):
    """The magnitude of Prewitt's."""
    kernel = np.array([[1, 0, -1]] * 3) / 3
    return np.hypot(conv2(image, kernel), conv2(image, kernel.T))


def alike(x, y, c):
    return (2 * x * y + c) / (x**2 + y**2 + c)


@pytest.mark.parametrize("shape", [(176, 176, 3), (165, 203, 3), (161, 170)])
def test_ms_ssim_is_the_authors_formula(shape):
    x, y = (grey(image) for image in pair(shape))
    window, c1, c2 = gaussian(11, 1.5), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:  # imfilter(image, ones(2) / 4, 'symmetric'), then every second pixel
            x, y = (np.pad(image, ((0, 1), (0, 1)), "symmetric") for image in (x, y))
            x, y = ((i[:-1, :-1] + i[1:, :-1] + i[:-1, 1:] + i[1:, 1:])[::2, ::2] / 4 for i in (x, y))
        mean_x, mean_y = conv2(x, window, "valid"), conv2(y, window, "valid")
        variances = conv2(x * x, window, "valid") + conv2(y * y, window, "valid") - mean_x**2 - mean_y**2
        covariance = conv2(x * y, window, "valid") - mean_x * mean_y
        similar = (2 * covariance + c2) / (variances + c2)
        if scale == 4:
            similar = similar * alike(mean_x, mean_y, c1)
        expected *= similar.mean() ** weight
    assert score(*pair(shape), ["ms_ssim"])["ms_ssim"] == pytest.approx(expected, rel=1e-9)


def test_a_structure_that_is_opposite_on_the_whole_has_no_similarity():
    x = photograph(165, 170)
    assert score(x, 255 - x, ["ms_ssim"])["ms_ssim"] == 0.0


@pytest.mark.parametrize("shape", SHAPES)
def test_gmsd_is_the_authors_formula(shape):
    x, y = (gradients(conv2(grey(image), np.ones((2, 2)) / 4)[::2, ::2]) for image in pair(shape))
    expected = alike(x, y, 170).std(ddof=1)
    assert score(*pair(shape), ["gmsd"])["gmsd"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_vifp_is_the_authors_formula(shape):
    images = pair(shape)
    images[0][:20, :20] = images[1][5:30, 20:45] = 77  # windows that are flat in one
    x, y = (grey(image) for image in images)
    told = held = 0.0
    for scale in (1, 2, 3, 4):
        size = 2 ** (5 - scale) + 1
        window = gaussian(size, size / 5)
        if scale > 1:
            x, y = (conv2(image, window, "valid")[::2, ::2] for image in (x, y))
        mean_x, mean_y = conv2(x, window, "valid"), conv2(y, window, "valid")
        variance_x = np.maximum(conv2(x * x, window, "valid") - mean_x**2, 0)
        variance_y = np.maximum(conv2(y * y, window, "valid") - mean_y**2, 0)
        covariance = conv2(x * y, window, "valid") - mean_x * mean_y
        gain = covariance / (variance_x + 1e-10)
        noise = variance_y - gain * covariance
        gain[variance_x < 1e-10] = 0
        noise[variance_x < 1e-10] = variance_y[variance_x < 1e-10]
        variance_x[variance_x < 1e-10] = 0
        gain[variance_y < 1e-10] = noise[variance_y < 1e-10] = 0
        noise[gain < 0] = variance_y[gain < 0]
        gain[gain < 0] = 0
        noise[noise <= 1e-10] = 1e-10
        told += np.log10(1 + gain**2 * variance_x / (noise + 2)).sum()
        held += np.log10(1 + variance_x / 2).sum()
    assert score(*images, ["vifp"])["vifp"] == pytest.approx(told / held, rel=1e-9)


def test_more_contrast_tells_more_than_all():
    x = photograph(60, 60) // 4 + 90
    stronger = np.clip(np.rint((x - 100.0) * 1.5 + 100), 0, 255).astype(np.uint8)
    assert score(x, stronger, ["vifp"])["vifp"] > 1


@pytest.mark.parametrize("shape", SHAPES)
def test_haarpsi_is_the_authors_formula(shape):
    mean, maps = np.ones((2, 2)) / 4, []
    yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    for image in pair(shape):
        bands = [image.astype(float)] if image.ndim == 2 else [image @ row for row in yiq]
        grey_band, *colours = (conv2(band, mean)[::2, ::2] for band in bands)
        filters = []
        for scale in (1, 2, 3):
            filters.append(np.full((2**scale, 2**scale), 2.0**-scale))
            filters[-1][: 2 ** (scale - 1)] *= -1
        coefficients = [[np.abs(conv2(grey_band, kernel)) for kernel in turned]
                        for turned in (filters, [kernel.T for kernel in filters])]  # fmt: skip
        maps.append((coefficients, [np.abs(conv2(colour, mean)) for colour in colours]))
    (x, colours_x), (y, colours_y) = maps
    similarities = [(alike(x[o][0], y[o][0], 30) + alike(x[o][1], y[o][1], 30)) / 2 for o in (0, 1)]
    weights = [np.maximum(x[o][2], y[o][2]) for o in (0, 1)]
    if colours_x:
        similarities.append(sum(alike(a, b, 30) for a, b in zip(colours_x, colours_y, strict=True)) / 2)
        weights.append((weights[0] + weights[1]) / 2)
    pooled = (np.stack(weights) / (1 + np.exp(-4.2 * np.stack(similarities)))).sum() / np.sum(weights)
    expected = (np.log(pooled / (1 - pooled)) / 4.2) ** 2
    assert score(*pair(shape), ["haarpsi"])["haarpsi"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", [*SHAPES, (385, 390, 3)])
def test_mdsi_is_the_authors_formula(shape):
    images = pair(shape)
    if len(shape) == 3:  # where both similarities are negative: lines of one colour, and another without any
        images[0][10:40, 10:40], images[1][10:40, 10:40] = [90, 0, 0], [0, 255, 0]
        images[0][10:40:8, 10:40] = images[0][11:40:8, 10:40] = images[0][12:40:8, 10:40] = [255, 0, 0]
    lhm = []
    for image in images:
        bands = [image.astype(float)] * 3 if image.ndim == 2 else np.moveaxis(image.astype(float), 2, 0)
        size = max(1, int(min(shape[:2]) / 256 + 0.5))
        red, green, blue = (conv2(band, np.ones((size, size)) / size**2)[::size, ::size] for band in bands)
        lhm.append(
            (
                0.2989 * red + 0.5870 * green + 0.1140 * blue,
                0.30 * red + 0.04 * green - 0.35 * blue,
                0.34 * red - 0.60 * green + 0.17 * blue,
            )
        )
    (light_x, h_x, m_x), (light_y, h_y, m_y) = lhm
    x, y, both = gradients(light_x), gradients(light_y), gradients((light_x + light_y) / 2)
    gradient = alike(x, y, 140) + alike(y, both, 55) - alike(x, both, 55)
    colour = (2 * (h_x * h_y + m_x * m_y) + 550) / (h_x**2 + h_y**2 + m_x**2 + m_y**2 + 550)
    combined = 0.6 * gradient + 0.4 * colour
    assert (combined < 0).any() == (len(shape) == 3)
    root = combined.astype(complex) ** 0.25
    expected = np.abs(root - root.mean()).mean() ** 0.25
    assert score(*images, ["mdsi"])["mdsi"] == pytest.approx(expected, rel=1e-9)
