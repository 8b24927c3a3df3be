import numpy as np
import pytest

from srcnn.patches import Box, crop_grid, extract_patches, get_image_crops


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


# The sizes of BSDS500's photographs, and the same without the odd pixel.
@pytest.mark.parametrize(("height", "width"), [(320, 480), (321, 481), (480, 320), (481, 321)])
@pytest.mark.parametrize(("crop", "count"), [((160, 160), 6), ((80, 160), 12)])
def test_a_bsds_photograph_gives_6_square_and_12_half_crops(height, width, crop, count):
    crops = get_image_crops(picture(height, width), *crop)
    assert [image.shape for image in crops] == [(*crop, 3)] * count


def test_the_crop_size_is_height_then_width():
    (box,) = crop_grid(80, 160, 80, 160)
    assert box == Box(x=0, y=0, width=160, height=80)


def test_crops_run_down_the_first_column_and_then_the_next():
    corners = [(box.x, box.y) for box in crop_grid(320, 480, 160, 160)]
    assert corners == [(0, 0), (0, 160), (160, 0), (160, 160), (320, 0), (320, 160)]


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(10, 10, 1), (20, 20, 4), (19, 20, 2), (20, 19, 2), (9, 99, 0), (99, 9, 0), (0, 0, 0)],
)
def test_exact_multiples_keep_their_last_crop_and_left_over_pixels_are_dropped(height, width, count):
    boxes = crop_grid(height, width, 10, 10)
    assert len(boxes) == count
    assert all(box.x + box.width <= width and box.y + box.height <= height for box in boxes)


@pytest.mark.parametrize(("crop_height", "crop_width"), [(7, 11), (1, 1), (30, 44), (5, 44)])
def test_crops_cover_every_pixel_of_the_grid_once(crop_height, crop_width):
    hits = np.zeros((30, 44), int)
    for box in crop_grid(30, 44, crop_height, crop_width):
        box.cut(hits)[:] += 1
    covered = hits[: 30 // crop_height * crop_height, : 44 // crop_width * crop_width]
    assert np.all(covered == 1)
    assert hits.sum() == covered.size


def test_a_crop_is_the_picture_inside_its_box():
    image = picture(30, 44)
    boxes, crops = crop_grid(30, 44, 7, 11), get_image_crops(image, 7, 11)
    for box, crop in zip(boxes, crops, strict=True):
        assert np.array_equal(crop, image[box.y : box.y + 7, box.x : box.x + 11])


def test_patches_lie_at_multiples_of_the_stride():
    band = picture(50, 40)[..., 0]
    grid = extract_patches(band, 33, 7)
    assert grid.shape == (3, 2, 33, 33)
    for row in range(3):
        for column in range(2):
            assert np.array_equal(grid[row, column], band[row * 7 : row * 7 + 33, column * 7 : column * 7 + 33])


@pytest.mark.parametrize(("height", "width", "count"), [(33, 33, 1), (32, 99, 0), (99, 32, 0), (47, 46, 2), (0, 50, 0)])
def test_only_whole_patches_are_cut(height, width, count):
    grid = extract_patches(np.zeros((height, width), np.float32), 33, 14)
    assert grid.shape[2:] == (33, 33)
    assert grid.shape[0] * grid.shape[1] == count
    assert grid.dtype == np.float32
