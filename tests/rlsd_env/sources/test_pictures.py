"""Every sort of picture is decoded to upright RGB; what is broken, hostile or too large is refused by name."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rlsd_env.errors import DataError
from rlsd_env.sources import pictures
from rlsd_env.sources.pictures import Picture
from rlsd_env.spaces import RGBImage

WHITE = [255, 255, 255]
TURNED = Image.Exif()
TURNED[0x0112] = 6  # shown a quarter turn clockwise


def encoded(mode="RGB", colour=(200, 0, 0), size=(6, 4), form="PNG", palette=None, **options):
    image = Image.new(mode, size, colour)
    if palette:
        image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png_header(width, height):
    """A PNG of a few bytes that claims any size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


GREYS = [level for level in range(256) for _ in "rgb"]


@pytest.mark.parametrize(
    ("data", "pixel"),
    [
        (encoded(), [200, 0, 0]),
        (encoded("RGBA", (200, 0, 0, 0)), WHITE),
        (encoded("RGBA", (0, 0, 0, 51)), [204, 204, 204]),  # 255 * (1 - 51 / 255)
        (encoded("LA", (0, 0)), WHITE),
        (encoded("L", 7), [7, 7, 7]),
        (encoded("L", 7, transparency=7), WHITE),
        (encoded("RGB", (1, 2, 3), transparency=(1, 2, 3)), WHITE),
        (encoded("P", 3, palette=GREYS), [3, 3, 3]),
        (encoded("P", 3, palette=GREYS, transparency=3), WHITE),
        (encoded("P", 3, palette=GREYS, form="GIF"), [3, 3, 3]),
        (encoded("1", 1), WHITE),
        (encoded("1", 0), [0, 0, 0]),
        (encoded("I;16", 513), [2, 2, 2]),  # 513 >> 8
        (encoded("CMYK", (0, 255, 255, 0), form="TIFF"), [255, 0, 0]),
    ],
)
def test_every_mode_becomes_rgb_on_white(data, pixel):
    image = Picture(data).decode()
    assert image.dtype == np.uint8
    assert image.shape == (4, 6, 3)
    assert image[0, 0].tolist() == pixel


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_picture_is_shown_upright(form):
    picture = Picture(encoded(form=form, exif=TURNED))
    assert picture.size() == (4, 6)
    assert picture.decode().shape == (6, 4, 3)


def test_size_reads_the_header_alone():
    whole = encoded(size=(640, 480))
    assert Picture(whole[:60]).size() == (640, 480)
    with pytest.raises(DataError, match="cannot be read"):
        Picture(whole[:60]).decode()


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 500))
def test_scaling_down_keeps_within_the_limit_and_the_proportions(width, height, limit):
    image = Picture(encoded(size=(width, height))).decode(max_pixels=limit)
    assert image.shape[0] * image.shape[1] <= max(limit, 1)
    if width * height <= limit:
        assert image.shape == (height, width, 3)
    if min(image.shape[:2]) >= 8:
        assert image.shape[1] / image.shape[0] == pytest.approx(width / height, rel=0.3)


def test_a_large_jpeg_keeps_its_colour_when_it_is_scaled():
    image = Picture(encoded(size=(800, 600), form="JPEG", quality=95)).decode(max_pixels=1200)
    assert image.shape == (30, 40, 3)
    np.testing.assert_allclose(image[15, 20], [200, 0, 0], atol=4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "image 'x.png' is none of PNG, JPEG"),
        (b"GIF89a", "image 'x.png'"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is none of PNG, JPEG"),
        (encoded(size=(60, 60), colour=(1, 2, 3))[:-30], "cannot be read .* replace it, or pass skip_broken=True"),
        (png_header(30_000, 30_000), "decompression bomb .* at most 64,000,000 pixels"),
        (png_header(8_001, 8_000), "8001 x 8000 pixels; at most 64,000,000"),
        (png_header(16_385, 1), "16385 x 1 pixels; at most .* 16,384 on a side"),
    ],
)
def test_what_cannot_be_decoded_is_named_with_its_row_and_the_fix(data, message):
    picture = Picture(data, name="x.png", where="f.jsonl, line 3 (id 9)")
    with pytest.raises(DataError, match=rf"^f\.jsonl, line 3 \(id 9\): .*{message}"):
        picture.decode()


def test_too_many_bytes_are_not_even_opened(monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, "MAX_BYTES", 50)
    (tmp_path / "a.png").write_bytes(encoded())
    for picture in (Picture(encoded()), Picture.inside(tmp_path, "a.png")):
        with pytest.raises(DataError, match="bytes; at most 50 are read"):
            picture.size()


def data_url(head="data:image/png;base64", tail="", **made):
    return f"{head},{base64.b64encode(encoded(**made)).decode()}{tail}"


@pytest.mark.parametrize(
    "url",
    [
        data_url(),
        data_url("DATA:;Base64"),
        data_url("data:image/jpeg;charset=utf-8;base64", form="PNG"),
        data_url(tail="\n"),
        data_url().rstrip("="),
        data_url().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    ],
)
def test_a_data_url_is_the_picture_that_it_holds(url):
    picture = Picture(url=url)
    picture.check()
    assert picture.size() == (6, 4)
    np.testing.assert_array_equal(picture.decode(), Picture(encoded()).decode())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("data:image/png,abc", "is no data URL of a picture; it must begin with data:image/png;base64,"),
        ("data:image/png;base64", "is no data URL of a picture"),
        ("data:image/png;base64,ab*d", "is no base64 "),
        ("data:image/png;base64,abcde", "is no base64 "),
        ("data:image/png;base64,YWJj", "is none of PNG, JPEG"),
    ],
)
def test_what_is_no_picture_in_a_data_url_is_told_in_a_short_line(url, message):
    long = Picture(url=url, name=url + "A" * 5000)
    with pytest.raises(DataError, match=re.escape(message)) as told:
        long.decode()
    assert url in str(told.value)
    assert len(str(told.value)) < 320


def test_a_data_url_has_the_limits_of_a_file(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 50)
    with pytest.raises(DataError, match="bytes; at most 50 are read"):
        Picture(url=data_url()).size()
    monkeypatch.undo()
    monkeypatch.setattr(pictures, "MAX_PIXELS", 23)
    with pytest.raises(DataError, match="has 6 x 4 pixels; at most 23"):
        Picture(url=data_url()).decode()


def test_base64_without_a_data_url_is_no_path(tmp_path):
    text = base64.b64encode(encoded(size=(90, 90), form="BMP")).decode()
    for name in (text, "/9j/" + "abcd/" * 300):
        with pytest.raises(
            DataError, match=r"is longer than a path; an image in base64 is written as a data URL"
        ) as told:
            Picture.inside(tmp_path, name)
        assert len(str(told.value)) < 250


def test_the_largest_side_is_what_the_observation_space_allows():
    assert RGBImage().max_side == pictures.MAX_SIDE


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's on broken EXIF data
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@given(st.binary(max_size=300), st.integers(0, 120))
def test_no_bytes_raise_anything_but_a_data_error(noise, cut):
    for data in (noise, encoded()[:cut] + noise, encoded(form="GIF")[:cut] + noise, encoded(form="TIFF")[:cut] + noise):
        try:
            image = Picture(data).decode(max_pixels=10_000)
        except DataError:
            continue
        assert image.ndim == 3


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "link/secret.png", "\0.png"])
def test_a_path_out_of_the_folder_is_refused(tmp_path, name):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(encoded())
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"outside|cannot be used"):
        Picture.inside(folder, name)


def test_an_absolute_path_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.png").write_bytes(encoded())
    with pytest.raises(DataError, match="lies outside"):
        Picture.inside(tmp_path / "data", str(tmp_path / "secret.png"))


def test_a_missing_file_and_a_folder_are_missing(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name in ("absent.png", "folder.png"):
        with pytest.raises(DataError, match=f"image '{name}' is missing"):
            Picture.inside(tmp_path, name).size()
