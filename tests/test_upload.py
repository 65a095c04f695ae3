"""Uploads: a folder that nothing leaves, a check in words, and mending at the press of a button."""

import datetime
import io
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_sounds import html_of

from nmsynth_lib.errors import NmsynthError, OutputError, RecordingError, UploadError
from nmsynth_lib.score import training_score
from nmsynth_lib.spoiled_takes import write_spoiled_take
from nmsynth_lib.take_findings import findings, verdict
from nmsynth_lib.takes import META_FILE, load_recording
from nmsynth_lib.uploaded_takes import UploadedTakes
from nmsynth_lib.widgets import check_upload

WAV = b"RIFF, or not: nobody looks before it is checked"


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """Name and content of a take's files that were recorded on a bad evening."""
    folder = tmp_path_factory.mktemp("spoiled")
    write_spoiled_take(folder, "string", training_score(0.75))
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != META_FILE}


@pytest.fixture
def takes(tmp_path):
    (tmp_path / "outside").mkdir()
    return UploadedTakes(tmp_path / "outside" / "takes", limit_mb=1)


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def zipped(entries, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


class Page:
    """Sends what the page sends, and sees what it is sent."""

    def __init__(self, own):
        self.own = own

    def ask(self, content, *buffers):
        before = self.own.answered
        self.own._handle_custom_msg(content, list(buffers))
        assert self.own.answered == before + 1
        return self.own.taken

    def upload(self, files, piece=1 << 20):
        self.own.problem = ""
        taken = [self.sent(name, content, piece) for name, content in files.items()]
        if any(taken):
            self.ask({"do": "check"})

    def sent(self, name, content, piece):
        asked = [self.ask({"do": "begin", "name": name, "size": len(content)})]
        for first in range(0, len(content), piece):
            if not all(asked):
                return False
            asked.append(self.ask({"do": "piece"}, memoryview(content[first : first + piece])))
        return all(asked) and self.ask({"do": "finish"})


@pytest.fixture
def page(tmp_path):
    return Page(check_upload(tmp_path / "takes"))


# --- Nothing leaves the folder --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../../evil.wav", "/tmp/evil.wav", "..\\..\\evil.wav", "C:\\music\\evil.wav", "a/b/evil.wav"],
)
@pytest.mark.parametrize("in_a_zip", [False, True])
def test_paths_are_cut_off(takes, tmp_path, name, in_a_zip):
    if in_a_zip:
        takes.put("takes.zip", zipped([(name, WAV)]))
    else:
        takes.put(name, WAV)
    assert files_in(tmp_path) == ["outside", "outside/takes", "outside/takes/evil.wav"]
    assert (takes.folder / "evil.wav").read_bytes() == WAV


@given(name=st.text(max_size=30) | st.text(st.sampled_from("./\\:a\0"), max_size=20))
def test_any_name_is_refused_or_becomes_one_file(tmp_path_factory, name):
    outside = tmp_path_factory.mktemp("outside")
    takes = UploadedTakes(outside / "takes")
    try:
        (written,) = takes.put(f"{name}.wav", WAV)
    except (UploadError, OutputError) as error:
        assert "\n" not in str(error)
        assert files_in(outside) == ["takes"]
    else:
        assert files_in(outside) == ["takes", f"takes/{written}"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".wav", ".hidden.mid", "take.exe", "take", "a\0b.wav", "\n.mid"]
    + ["x" * 300 + ".wav"],
)
def test_what_is_no_take_is_refused_in_one_line(takes, name):
    with pytest.raises(UploadError, match="neither sound") as refused:
        takes.put(name, WAV)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200
    assert files_in(takes.folder) == []


def test_too_large_says_how_large_and_what_to_do(takes):
    with pytest.raises(
        UploadError, match=r"take.wav: has 1.1 MB; all files together may have 1 MB"
    ):
        takes.begin("take.wav", 1_100_000)
    takes.put("one.wav", bytes(900_000))
    with pytest.raises(UploadError, match="all files together"):
        takes.put("two.wav", bytes(200_000))
    takes.put("one.wav", bytes(950_000))  # in the place of the first
    assert files_in(takes.folder) == ["one.wav"]


def test_a_zip_that_swells_is_refused_before_it_is_unpacked(takes):
    bomb = zipped([("big.wav", bytes(50_000_000))])
    assert len(bomb) < 100_000
    with pytest.raises(UploadError, match=r"has 50\.0 MB"):
        takes.put("bomb.zip", bomb)
    assert files_in(takes.folder) == []


def lying_zip():
    """Its directory promises 10 bytes; there are 5 million."""
    whole = zipped([("big.wav", bytes(5_000_000))])
    honest, lie = (5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    return whole.replace(honest, lie)


def encrypted_zip():
    whole = bytearray(zipped([("take.wav", WAV)]))
    whole[6] |= 1
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    return bytes(whole)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no zip at all", "cannot be unpacked"),
        (zipped([("take.wav", WAV)])[:-30], "cannot be unpacked"),
        (zipped([("take.wav", WAV)]).replace(b"RIFF", b"RAFF"), None),
        (zipped([("readme.txt", b"hello"), ("a/.DS_Store", b"")]), "holds no takes"),
        (zipped([("a/take.wav", WAV), ("b/Take.wav", WAV)]), "two files called"),
        (encrypted_zip(), "behind a password"),
        (lying_zip(), "cannot be unpacked"),
    ],
)
def test_a_wrong_zip_is_one_line_and_leaves_nothing(takes, content, says):
    if says is None:
        content = content[:40] + bytes(8) + content[48:]
        says = "cannot be unpacked"
    with pytest.raises(UploadError, match=says) as refused:
        takes.put("takes.zip", content)
    assert "\n" not in str(refused.value)
    assert files_in(takes.folder) == []


def test_a_zip_of_a_folder_brings_its_takes_and_nothing_else(takes):
    entries = [("evening/take.wav", WAV), ("evening/take.MID", b"MThd"), ("evening/meta.yaml", b""),
               ("evening/notes.txt", b"x"), ("__MACOSX/evening/._take.wav", b"x")]  # fmt: skip
    assert takes.put("evening.zip", zipped(entries)) == ["take.wav", "take.MID", "meta.yaml"]
    assert files_in(takes.folder) == ["meta.yaml", "take.MID", "take.wav"]


def test_a_file_appears_when_all_of_it_has_come(takes):
    takes.begin("take.wav", 10)
    takes.add(b"12345")
    assert files_in(takes.folder) == []
    with pytest.raises(UploadError, match="did not come as a whole"):
        takes.finish()
    with pytest.raises(UploadError, match="without its beginning"):
        takes.add(b"12345")
    takes.begin("take.wav", 4)
    with pytest.raises(UploadError, match="more came than was announced"):
        takes.add(b"12345")
    with pytest.raises(UploadError, match="is empty"):
        takes.begin("take.wav", 0)
    assert files_in(takes.folder) == []


def test_start_again_takes_away_what_came_and_leaves_what_was_there(tmp_path):
    (tmp_path / "mine.wav").write_bytes(WAV)
    (tmp_path / "diary.txt").write_text("mine")
    takes = UploadedTakes(tmp_path)
    takes.put("other.wav", WAV)
    takes.empty()
    assert files_in(tmp_path) == ["diary.txt", "mine.wav"]


def test_a_temporary_folder_is_gone_with_its_owner():
    takes = UploadedTakes()
    takes.put("take.wav", WAV)
    folder = takes.folder
    assert (folder / "take.wav").is_file()
    del takes
    assert not folder.exists()


# --- The check in the page ------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*overlaps trimmed")
def test_an_upload_is_checked_and_put_right(page, spoiled):
    """Each fault with its figure, then the button, then nothing but notes; and it can be read."""
    own = page.own
    page.upload(spoiled, piece=100_000)
    assert own.problem == ""
    assert own.status == "take: usable, with warnings."
    for words in ("It hums at 50 Hz", "Notes sound together", "ms late", "cents flat",
                  "All velocities are equal"):  # fmt: skip
        assert words in own.shown
    assert own.shown.count("Can be put right.") == 5
    assert own.can_mend
    page.ask({"do": "mend"})
    assert own.problem == ""
    assert own.status.startswith("take: fit. Written into meta.yaml: take: ")
    assert not own.can_mend
    (check,) = own.checks
    assert verdict(findings(check)) == (0, "fit")
    assert abs(check.alignment.lag_ms) < 0.5
    (take,) = load_recording(own.folder)
    assert take.meta.onset_shift_ms == pytest.approx(35, abs=3)
    for name, content in spoiled.items():
        assert (own.folder / name).read_bytes() == content


def test_the_page_can_be_read_by_everyone(page, spoiled):
    page.upload(spoiled)
    shown = page.own.shown
    assert shown.count("<h4>") == shown.count("<table>") == shown.count("<caption>") == 1
    assert shown.count('<th scope="row">') == shown.count("<td>") >= 12
    (alt,) = re.findall(r'<img[^>]*alt="([^"]+)"', shown)
    assert len(alt) > 100
    assert "<strong>Warning:</strong>" in shown  # not by colour alone


def test_names_cannot_bring_markup_along(page, spoiled):
    files = {f"<img src=x onerror=alert(1)>{Path(name).suffix}": c for name, c in spoiled.items()}
    page.upload(files)
    assert page.own.problem == ""
    assert "<img src=x" not in page.own.shown
    assert "&lt;img src=x" in page.own.shown


def test_sound_without_midi_is_said_and_helped_by_the_other_file(page, spoiled):
    sound, midi = sorted(spoiled, key=lambda name: name.endswith(".mid"))
    page.upload({sound: spoiled[sound]})
    assert page.own.problem == f"{sound}: has no MIDI file of the same name beside it."
    assert page.own.shown == "" and not page.own.can_mend
    page.upload({midi: spoiled[midi]})
    assert page.own.problem == ""
    assert page.own.status == "take: usable, with warnings."


def test_what_is_not_midi_makes_the_take_unfit_in_one_line(page, spoiled):
    sound, midi = sorted(spoiled, key=lambda name: name.endswith(".mid"))
    page.upload({sound: spoiled[sound], midi: b"no MIDI at all"})
    assert page.own.problem == ""
    assert page.own.status == "take: unfit."
    assert "<strong>Unfit:</strong> take.mid" in page.own.shown
    assert str(page.own.folder) not in page.own.shown  # names, not long paths
    assert page.own.checks[0].error


def test_a_wrong_kind_of_file_does_not_stop_the_others(page, spoiled):
    page.upload({"song.docx": b"x", **spoiled, "huge.wav": b""})
    first, second = page.own.problem.splitlines()
    assert first.startswith("song.docx: is neither sound")
    assert second.startswith("huge.wav: is empty")
    assert page.own.status == "take: usable, with warnings."


def test_what_nobody_thought_of_is_said_as_well(page):
    shutil.rmtree(page.own.folder)
    page.upload({"take.wav": WAV})
    assert page.own.problem.startswith("FileNotFoundError: ")
    assert not page.own.taken
    assert page.ask({"do": "piece"}) is False  # without a buffer
    assert page.own.problem


def test_start_again_empties_the_page(page, spoiled):
    page.upload(spoiled)
    page.ask({"do": "empty"})
    assert page.own.status == "No take yet."
    assert page.own.shown == "" and page.own.checks == []
    assert files_in(page.own.folder) == []


def test_where_no_widget_can_load_there_are_words(page):
    assert "nmsynth check DIR" in html_of(page.own)


def test_plain_parts_do_the_same(tmp_path, spoiled):
    own = check_upload(tmp_path / "takes", fallback=True)
    own.button.value = tuple(
        {"name": name, "type": "", "size": len(content), "content": memoryview(content),
         "last_modified": datetime.datetime.now(datetime.UTC)}
        for name, content in spoiled.items()
    )  # fmt: skip
    assert "take: usable, with warnings." in own.page.value
    assert not own.put_right.disabled
    own.put_right.click()
    assert "take: fit." in own.page.value
    assert own.put_right.disabled
    assert len(own.checks) == 1
    own.button.value = (dict(own.button.value[0], name="song.docx"),)
    assert '<p role="alert">song.docx: is neither' in own.page.value


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NmsynthError) as refused:
        check_upload(tmp_path / "file" / "takes")
    assert "\n" not in str(refused.value)


def test_nothing_uploaded_is_nothing_checked(takes):
    with pytest.raises(RecordingError, match="holds no takes"):
        takes.check()
