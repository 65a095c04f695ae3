"""A public folder on Google Drive: what is in it, and its files, fetched so that breaks are cheap.

Road: beside it, before recordings: [drive_folder] -> folder of takes.
gdown knows how Google Drive answers. What is added is patience (timeouts, new attempts), going on
where an earlier call broke off, a progress bar, and one line for each thing that goes wrong.
Explained in notebook 01, "The authors' own recordings".
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nmsynth_lib.errors import (
    DownloadError,
    DriveQuotaError,
    NotFoundOnlineError,
    NotPublicError,
    OfflineError,
)
from nmsynth_lib.files import output_error

TIMEOUT = (15.0, 60.0)  # seconds: to be connected, and without a byte
RETRIES = 4  # new attempts of one file, with growing pauses, about 15 s in all
GO_ON = "The same command goes on from here."
_SPLICED = "byte range"  # gdown: what is here and what Drive has do not fit together


@dataclass(frozen=True)
class DriveFile:
    """One file of the folder.

    Attributes:
      id: Google's own name for it; another file, another id.
      path: Inside the folder, subfolders included.
    """

    id: str
    path: PurePosixPath

    @property
    def address(self) -> str:
        """Where a browser shows it."""
        return f"https://drive.google.com/file/d/{self.id}/view"


def folder_address(folder_id: str) -> str:
    """Where a browser shows a folder."""
    return f"https://drive.google.com/drive/folders/{folder_id}"


def listed_files(folder_id: str) -> list[DriveFile]:
    """All files of a public folder and its subfolders, by path.

    Args:
      folder_id: The last part of the folder's address.

    Returns:
      At least one file; none of them is fetched.

    Raises:
      OfflineError: Google Drive can not be reached.
      NotFoundOnlineError: no such folder.
      NotPublicError: it asks for a login, or shows no files.
      DriveQuotaError: it refuses for now.
      DownloadError: an answer that gdown does not understand.
    """
    import gdown

    address = folder_address(folder_id)
    with _one_line(address):
        found = gdown.download_folder(
            id=folder_id, skip_download=True, quiet=True, use_cookies=False, timeout=TIMEOUT
        )
    if not found:
        raise NotPublicError(
            f"{address}: shows no files; it is empty, or no longer open to everyone. Look at it in "
            "a browser."
        )
    files = [DriveFile(file.id, PurePosixPath(Path(file.path).as_posix())) for file in found]
    return sorted(files, key=lambda file: (str(file.path), file.id))


def fetch_file(
    file: DriveFile, target: Path, label: str, *, quiet: bool = False, retries: int = RETRIES
) -> None:
    """Brings one file; what came of it in an earlier, broken call is not fetched again.

    Until it is whole it lies beside `target` under a name that ends in ".part".

    Args:
      file: From `listed_files`.
      target: Where it appears; its folder exists and is used for this file's id only.
      label: What stands before the progress bar.
      quiet: No progress bar.
      retries: New attempts after a broken connection.

    Raises:
      OfflineError: the connection is gone, or breaks off again and again.
      NotFoundOnlineError, NotPublicError, DriveQuotaError, DownloadError: as `listed_files`.
      OutputError: disk full, or not permitted.
    """
    import gdown
    from tqdm.auto import tqdm

    parts = list(target.parent.glob("*.part"))
    if len(parts) > 1:  # gdown would not know which to go on with
        _remove(parts)
    with tqdm(
        desc=label, unit="B", unit_scale=True, unit_divisor=1000, disable=quiet, leave=True
    ) as bar:

        def show(n_bytes: int, total: int | None) -> None:
            bar.total = total
            bar.update(n_bytes - bar.n)

        def attempt() -> None:
            gdown.download(
                id=file.id,
                output=str(target),
                quiet=True,
                resume=True,
                progress=show,
                use_cookies=False,  # none of the user's are read, none of Google's are kept
                timeout=TIMEOUT,
                retries=retries,
            )

        with _one_line(f"{file.path.name} ({file.address})", target):
            try:
                attempt()
            except gdown.DownloadError as error:
                begun = list(target.parent.glob("*.part"))
                if _SPLICED not in str(error) or not begun:
                    raise
                _remove(begun)  # what is here is of another version of the file: from the start
                bar.reset()
                attempt()


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


@contextmanager
def _one_line(what: str, target: Path | None = None) -> Iterator[None]:
    """Whatever gdown, the network or the disk say becomes one line with a remedy."""
    import gdown

    try:
        yield
    except gdown.DownloadError as error:
        raise _drive_error(what, error) from error
    except OSError as error:
        # The network's errors come from requests: an OSError each, but without an errno.
        if error.errno is not None:
            raise output_error(target or what, error) from error
        raise _network_error(what, error) from error
    except (LookupError, AttributeError, TypeError, ValueError, AssertionError) as error:
        raise DownloadError(
            f"{what}: Google Drive gave an answer that gdown {_gdown_version()} does not "
            f"understand ({type(error).__name__}: {error}). Try again later, or use a browser."
        ) from error


def _network_error(what: str, error: BaseException) -> DownloadError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return _status_error(what, int(status))
    return OfflineError(
        f"{what}: Google Drive can not be reached ({_innermost(error)}). Check the connection. "
        f"{GO_ON}"
    )


def _drive_error(what: str, error: Exception) -> DownloadError:
    """Which of our errors it is that gdown tells in words."""
    said = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", str(error))).split())
    if status := re.search(r"status code (\d+)", said):
        return _status_error(what, int(status[1]))
    if "Too many users" in said or "quota" in said.lower():
        return _quota_error(what)
    if "public link" in said:
        return NotPublicError(
            f"{what}: Google Drive does not hand it out; it is gone, not open to everyone, or was "
            f"fetched too often. Look at it in a browser, or wait a day. {GO_ON}"
        )
    if broke := re.search(r"received (\d+) bytes but the server announced (\d+)", said):
        return OfflineError(
            f"{what}: the connection broke off after {int(broke[1]) / 1e6:.1f} of "
            f"{int(broke[2]) / 1e6:.1f} MB. {GO_ON}"
        )
    if isinstance(error.__cause__, OSError):
        return _network_error(what, error.__cause__)
    return DownloadError(f"{what}: gdown {_gdown_version()} says: {said.rstrip('.')}. {GO_ON}")


def _status_error(what: str, status: int) -> DownloadError:
    if status in (404, 410):
        return NotFoundOnlineError(f"{what}: not found on Google Drive; its owner has removed it.")
    if status in (401, 403):
        return NotPublicError(f"{what}: no permission; it is no longer open to everyone.")
    if status == 429:
        return _quota_error(what)
    return DownloadError(f"{what}: Google Drive answers with status {status}. Try again later.")


def _quota_error(what: str) -> DriveQuotaError:
    return DriveQuotaError(
        f"{what}: fetched by too many people lately, and Google Drive refuses for now. Wait some "
        f"hours, at most a day. {GO_ON}"
    )


def _gdown_version() -> str:
    import gdown

    return gdown.__version__


def _innermost(error: BaseException) -> str:
    """The cause of the cause …, in the system's words: "Connection refused", "timed out"."""
    for _ in range(10):
        around = (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__)
        inner = next((one for one in around if isinstance(one, BaseException)), None)
        if inner is None:
            break
        error = inner
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).rpartition(": ")[2].rstrip(".")
