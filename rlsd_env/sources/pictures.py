"""`Picture`: an image of a data set that is not decoded yet, and the limits within which it will be."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as PILImage

from rlsd_env.errors import DataError
from rlsd_env.task import Image

MAX_PIXELS = 64_000_000
"""Pictures with more pixels are refused before they are decoded."""
MAX_SIDE = 16_384
"""Pictures with a longer side are refused: what `rlsd_env.spaces.RGBImage` allows."""
MAX_BYTES = 128 * 2**20
"""Pictures with more compressed bytes are refused."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""What is decoded; Pillow's further readers, some of which start other programs, are never called. Of an animation or
a file of several pages it is the first picture."""

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
SKIP_THEM = "pass skip_broken=True (on a command line skip_broken=true) to leave such rows out"
_REPLACE = f"replace it, or {SKIP_THEM}"
DATA_URL = "data:"
"""What an image begins with that is written as a data URL."""
_LONG, _SHOWN = 120, 60  # characters of a name from which on it is cut, and to how many
_LONGEST, _LONGEST_NAME = 1024, 255  # characters of a path, and of a name in it
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


@dataclass(frozen=True, repr=False)
class Picture:
    """An image that is not decoded yet.

    Attributes:
        data: the compressed image; None where it is a file or a data URL.
        url: the image as a data URL, which is decoded when the picture is read; None where it is none.
        path: the file; None where bytes or URL are here.
        folder: the folder that paths of images are relative to; None where bytes or URL are here.
        name: what an error message calls the image, e.g. "images/7.png".
        where: what an error message calls its row, e.g. "test.jsonl, line 3 (id 4)".

    """

    data: bytes | None = None
    url: str | None = None
    path: Path | None = None
    folder: Path | None = None
    name: str = "image"
    where: str = ""

    @classmethod
    def inside(cls, folder: Path, name: str) -> Picture:
        """Name a file in the folder of a data set; whether it is there is seen when it is read.

        Raises:
            DataError: the path leads out of the folder, by "..", as an absolute path or through a link; or it is longer
                than paths are.

        """
        if len(name) > _LONGEST or any(len(part) > _LONGEST_NAME for part in name.split("/")):
            raise DataError(
                f"image {quoted(name)} is longer than a path; an image in base64 is written as a data URL, "
                f"{DATA_URL}image/png;base64,.."
            )
        root = folder.resolve()
        try:
            path = (root / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a null byte, a name too long, a loop of links
            raise DataError(f"image path {quoted(name)} cannot be used ({error})") from error
        if not path.is_relative_to(root):
            raise DataError(
                f"image path {quoted(name)} lies outside {folder}; image paths must stay inside the data set's folder "
                "(copy linked pictures into it)"
            )
        return cls(path=path, folder=folder, name=name)

    def __repr__(self) -> str:
        return f"Picture({quoted(self.name)})"

    def size(self) -> tuple[int, int]:
        """Read width and height, as shown upright, from the header alone.

        Raises:
            DataError: the picture is missing, broken or too large.

        """
        try:
            with self._open() as image:
                return (image.height, image.width) if _is_sideways(image) else (image.width, image.height)
        except Exception as error:
            raise self._broken(error) from error

    def decode(self, max_pixels: int | None = None) -> Image:
        """Decode to uint8 RGB, height x width x 3: upright, transparent parts on white, 16 bits cut to 8.

        Of an animated GIF (WEBP, PNG) it is the first frame.

        Args:
            max_pixels: a larger picture is scaled down to at most so many pixels, its proportions kept.

        Raises:
            DataError: the picture is missing, broken or too large.

        """
        try:
            with self._open() as image:
                target = _fitting(image.size, max_pixels)
                if target != image.size:
                    image.draft(image.mode, target)  # a JPEG decodes at a fraction of its size
                upright = _as_rgb(ImageOps.exif_transpose(image))
                target = _fitting(upright.size, max_pixels)
                if target != upright.size:
                    upright = upright.resize(target, PILImage.Resampling.LANCZOS)
                return np.array(upright)
        except Exception as error:  # on hostile bytes decoders raise almost anything
            raise self._broken(error) from error

    def check(self) -> None:
        """Decode the picture to its end as `decode` does, but a JPEG at an eighth of its size, and drop it.

        Raises:
            DataError: as `decode`.

        """
        try:
            with self._open() as image:
                image.draft(image.mode, (1, 1))
                _as_rgb(ImageOps.exif_transpose(image))
        except Exception as error:
            raise self._broken(error) from error

    def _open(self) -> PILImage.Image:
        """Read the header, within the limits."""
        if self.path is not None and not self.path.is_file():
            raise FileNotFoundError
        data = (self.data or b"") if self.url is None else _of_url(self.url)
        _check_bytes(len(data) if self.path is None else self.path.stat().st_size)
        image = PILImage.open(self.path or io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
            size = f"{image.width} x {image.height}"
            image.close()
            raise DataError(
                f"has {size} pixels; at most {MAX_PIXELS:,}, and {MAX_SIDE:,} on a side, are decoded: shrink it"
            )
        if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
            image.close()
            raise DataError(
                "has 32-bit or floating-point grey values, and nothing says which of them is white; convert it to 8 or "
                "16 bits"
            )
        return image

    def _broken(self, error: Exception) -> DataError:
        image = f"{self.where}: " if self.where else ""
        image += f"image {quoted(self.name)}"
        if isinstance(error, DataError):
            return DataError(f"{image} {error}")
        if isinstance(error, FileNotFoundError):
            return DataError(
                f"{image} is missing; images are looked for relative to {self.folder}: put it there "
                f'or correct its path, or {SKIP_THEM}, or images="absent" to read texts only'
            )
        if isinstance(error, (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning)):
            return DataError(
                f"{image} is a decompression bomb or far too large ({error}); at most "
                f"{MAX_PIXELS:,} pixels are decoded: shrink it"
            )
        if isinstance(error, UnidentifiedImageError):
            return DataError(f"{image} is none of {', '.join(FORMATS)}; {_REPLACE}")
        return DataError(f"{image} cannot be read ({type(error).__name__}: {error}); {_REPLACE}")


def quoted(name: str) -> str:
    """Quote a path or a data URL in a message; of a long one its first 60 characters.

    >>> quoted("images/7.png"), quoted("data:image/png;base64," + 1000 * "A")
    ("'images/7.png'", "'data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'.. (1,022 characters)")
    """
    return repr(name) if len(name) <= _LONG else f"{name[:_SHOWN]!r}.. ({len(name):,} characters)"


def _check_bytes(count: int) -> None:
    if count > MAX_BYTES:
        raise DataError(f"has {count:,} bytes; at most {MAX_BYTES:,} are read: compress or shrink it")


def _of_url(url: str) -> bytes:
    """Decode a data URL, `data:image/png;base64,..`, percent-encoded or not; what type it says does not matter."""
    head, comma, text = url.partition(",")
    if not comma or not head.strip().lower().endswith(";base64"):
        raise DataError(f"is no data URL of a picture; it must begin with {DATA_URL}image/png;base64, or the like")
    _check_bytes(len(text) * 3 // 4)
    text = "".join(unquote(text).split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise DataError(f"is no base64 ({error}); {_REPLACE}") from error


def _is_sideways(image: PILImage.Image) -> bool:
    """Tell from the header whether EXIF data turn a picture by a quarter."""
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return False  # Pillow turns a TIFF itself, and would decode a PNG to look for data at its end
    return image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS


def _fitting(size: tuple[int, int], max_pixels: int | None) -> tuple[int, int]:
    """The size at the same proportions with at most `max_pixels` pixels; never larger."""
    width, height = size
    if max_pixels is None or width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    shorter, longer = sorted(size)
    shorter = max(1, int(shorter * scale))
    longer = max(1, min(int(longer * scale), max_pixels // shorter))
    return (longer, shorter) if width >= height else (shorter, longer)


def _as_rgb(image: PILImage.Image) -> PILImage.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, in some versions of Pillow as 32
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 2**16 - 1) >> 8
        return PILImage.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        white = PILImage.new("RGBA", image.size, "white")
        return PILImage.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
