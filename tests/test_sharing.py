"""Sharing: what is packed comes out the same elsewhere; what a stranger sends cannot do harm."""

import base64
import datetime
import errno
import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from page_sounds import html_of, played_in

import nmsynth_lib.sharing as sharing
from nmsynth_lib.cli import main
from nmsynth_lib.errors import NmsynthError, OutputError, SharingError, UploadError, WeightsError
from nmsynth_lib.instrument import Instrument
from nmsynth_lib.instrument_files import SHIPPED, write_instrument
from nmsynth_lib.model import GuitarModel
from nmsynth_lib.schema import Architecture, ControlSpec, InstrumentSpec
from nmsynth_lib.score import riff
from nmsynth_lib.sharing import pack_instrument, unpack_instrument
from nmsynth_lib.weights_file import n_weights
from nmsynth_lib.widgets import download_link, load_shared

TINY = Architecture(
    stack_units=8, stack_layers=1, gru_units=0, mlp_units=8, mlp_layers=1,
    n_harmonics=8, n_noise_bands=5, reverb_seconds=0.0,
)  # fmt: skip
SAID = {"credit": "Ada <b>&</b> Bea", "licence": "CC-BY-4.0"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An instrument as training leaves it, with its state beside it."""
    folder = tmp_path_factory.mktemp("trained") / "tiny"
    spec = InstrumentSpec(
        name="tiny", architecture=TINY, data_licence="CC0-1.0", pitch_range=(40, 52)
    )
    write_instrument(folder, spec, [one.numpy() for one in GuitarModel(spec).weights], sums=True)
    (folder / "training").mkdir()
    (folder / "training" / "state.npz").write_bytes(bytes(1000))
    return folder


@pytest.fixture(scope="module")
def parcel(trained, tmp_path_factory):
    return pack_instrument(trained, tmp_path_factory.mktemp("parcel"), **SAID)


def entries_of(path):
    with zipfile.ZipFile(path) as archive:
        return {Path(name).name: archive.read(name) for name in archive.namelist()}


def zipped(entries, folder="tiny/"):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{folder}{name}", content)
    return stream.getvalue()


def with_sums(entries):
    """The same with checksums that agree, as a stranger who means harm would make them."""
    content = {name: data for name, data in entries.items() if name != "SHA256SUMS"}
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in content.items()]
    return {**content, "SHA256SUMS": "".join(lines).encode()}


def changed(parcel, **content):
    """A zip whose files were changed and whose checksums agree."""
    names = {"yaml": "instrument.yaml", "weights": "model.weights.h5"}
    new = {names[key]: data for key, data in content.items()}
    return zipped(with_sums({**entries_of(parcel), **new}))


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# --- There and back -------------------------------------------------------------------------------


def test_what_is_packed_sounds_the_same_elsewhere_to_the_last_bit(trained, parcel, tmp_path):
    there = unpack_instrument(parcel, tmp_path / "theirs")
    assert there == tmp_path / "theirs" / "tiny"
    here, away = (Instrument.load(one).render(riff()) for one in (trained, there))
    np.testing.assert_array_equal(here, away)
    assert (there / "model.weights.h5").read_bytes() == (trained / "model.weights.h5").read_bytes()


def test_a_zip_holds_the_instrument_and_who_made_it_and_no_state(parcel, trained, tmp_path):
    with zipfile.ZipFile(parcel) as archive:
        assert sorted(archive.namelist()) == [
            "tiny/LICENCE.txt", "tiny/SHA256SUMS", "tiny/instrument.yaml", "tiny/model.weights.h5",
        ]  # fmt: skip
    text = entries_of(parcel)["LICENCE.txt"].decode()
    assert "Made by: Ada <b>&</b> Bea" in text and "Licence: CC-BY-4.0" in text
    assert "recording that it learnt from: CC0-1.0" in text
    spec = InstrumentSpec.read(unpack_instrument(parcel, tmp_path) / "instrument.yaml")
    assert {key: spec.provenance[key] for key in SAID} == SAID
    again = pack_instrument(trained, tmp_path / "again.zip", **SAID)
    assert again.read_bytes() == parcel.read_bytes()  # the same instrument makes the same zip


def test_what_came_from_somebody_keeps_their_name_when_it_is_passed_on(parcel, tmp_path):
    there = unpack_instrument(parcel, tmp_path)
    assert entries_of(pack_instrument(there, tmp_path / "on.zip")) == entries_of(parcel)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, r"credit and licence missing.*recording's own licence: CC0-1.0"),
        ({"credit": "Ada"}, "licence missing"),
        ({"licence": "CC0-1.0", "credit": " \n"}, "credit missing"),
        ({**SAID, "credit": "x" * 300}, "one line of at most 200"),
        ({**SAID, "licence": "a\0b"}, "one line"),
    ],
)
def test_without_a_name_and_a_licence_nothing_is_packed(trained, tmp_path, given, says):
    with pytest.raises(SharingError, match=says) as refused:
        pack_instrument(trained, tmp_path, **given)
    assert "\n" not in str(refused.value) and files_in(tmp_path) == []


def test_what_cannot_be_packed_is_one_line(trained, tmp_path):
    copy = Path(shutil.copytree(trained, tmp_path / "copy"))
    with pytest.raises(SharingError, match=r"call it NAME\.zip"):
        pack_instrument(copy, tmp_path / "tiny.tar", **SAID)
    with pytest.raises(OutputError, match="create its folder first"):
        pack_instrument(copy, tmp_path / "nowhere" / "tiny.zip", **SAID)
    (copy / "model.weights.h5").write_bytes(b"other")
    with pytest.raises(WeightsError, match="damaged or changed"):
        pack_instrument(copy, tmp_path, **SAID)
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(SharingError, match="training has not ended"):
        pack_instrument(copy, tmp_path, **SAID)
    assert list(tmp_path.glob("*.zip")) == []


# --- What strangers send --------------------------------------------------------------------------


def trick_weights(spec, trick):
    """About as many bytes as the weights have, and something else than plain numbers in them."""
    stream, count = io.BytesIO(), n_weights(spec)
    with h5py.File(stream, "w") as file:
        if trick == "external data":
            file.create_dataset("a", (count,), "float32", external=[("/etc/passwd", 0, 4 * count)])
        elif trick == "packed data":  # 40 MB in 40 kB
            file.create_dataset("a", data=np.zeros(10_000_000, "float32"), compression="gzip")
        elif trick == "external link":
            file["a"] = h5py.ExternalLink("/etc/passwd", "/")
        elif trick == "texts":
            file.create_dataset("a", data=["x"])
        file.create_dataset("filling", data=np.zeros(count + 500, "float32"))
    return stream.getvalue()


def hostile(parcel):
    """Name to (a zip, what the refusal says)."""
    good = entries_of(parcel)
    spec = InstrumentSpec.model_validate(yaml.safe_load(good["instrument.yaml"]))
    weights, text = good["model.weights.h5"], good["instrument.yaml"].decode()
    lost = {name: data for name, data in good.items() if name != "model.weights.h5"}
    flipped = bytearray(weights)
    flipped[len(flipped) // 2] ^= 1
    huge = spec.model_copy(update={"architecture": Architecture(mlp_units=2048, stack_units=2048)})
    many = [ControlSpec(name=f"c{i}", source="velocity", low=0, high=1) for i in range(300)]
    crowded = spec.model_copy(update={"controls": (*spec.controls, *many)})
    laughs = "provenance:\n  a: &a [1, 1]\n  b: &b [*a, *a]\n  c: [*b, *b]\nname: tiny\n"
    whole = parcel.read_bytes()
    return {
        "no zip": (b"no zip at all", "no zip that can be unpacked"),
        "cut off": (whole[:-40], "no zip that can be unpacked"),
        "bit": (whole[:900] + bytes([whole[900] ^ 1]) + whole[901:], "no zip that can be unpacked"),
        "takes": (zipped({"take.wav": b"RIFF"}), "holds no instrument.yaml, so it is no"),
        "no weights": (zipped(lost), "model.weights.h5 is missing"),
        "changed weights": (zipped({**good, "model.weights.h5": bytes(flipped)}), "is damaged or"),
        "changed schema": (zipped({**good, "instrument.yaml": b"name: x"}), "is damaged or was"),
        "changed licence": (zipped({**good, "LICENCE.txt": b"mine"}), "LICENCE.txt is damaged"),
        "empty sums": (zipped({**good, "SHA256SUMS": b"\xff\n"}), "is damaged or was changed"),
        "two": (zipped({**good, "other/instrument.yaml": b"name: x"}), "two files called"),
        "bomb": (zipped({**good, "model.weights.h5": bytes(70_000_000)}), "would have 70.0 MB"),
        "long schema": (zipped({**good, "instrument.yaml": bytes(300_000)}), "would have 0.3 MB"),
        "no schema": (changed(parcel, yaml=b"- 1\n- 2\n"), "instrument.yaml: "),
        "no text": (changed(parcel, yaml=b"\xff\xfe\x00"), "not a schema"),
        "deep": (changed(parcel, yaml=b"a: " + b"[" * 50_000), "nested too deeply"),
        "references": (changed(parcel, yaml=laughs.encode()), "it holds references"),
        "name": (changed(parcel, yaml=text.replace("name: tiny", "name: ../a").encode()), "name: "),
        "larger": (changed(parcel, yaml=huge.text().encode()), "belongs to another instrument"),
        "crowded": (changed(parcel, yaml=crowded.text().encode()), "belongs to another instrument"),
        "noise": (changed(parcel, weights=bytes(len(weights))), "cannot be read"),
        "more weights": (changed(parcel, weights=trick_weights(spec, "")), "another number"),
        **{
            trick: (changed(parcel, weights=trick_weights(spec, trick)), says)
            for trick, says in (("external data", "plain numbers"), ("packed data", "plain"),
                                ("external link", "points elsewhere"), ("texts", "plain numbers"))
        },
    }  # fmt: skip


def test_whatever_is_wrong_is_one_line_and_leaves_nothing(parcel, tmp_path):
    for name, (content, says) in hostile(parcel).items():
        with pytest.raises(SharingError) as refused:
            unpack_instrument(io.BytesIO(content), tmp_path / "theirs", called="theirs.zip")
        line = str(refused.value)
        assert says in line and line.startswith("theirs.zip: "), (name, line)
        assert "\n" not in line and len(line) < 300 and str(tmp_path) not in line, (name, line)
        assert files_in(tmp_path) in ([], ["theirs"]), name


@pytest.mark.parametrize("folder", ["../../", "/etc/", "..\\..\\", "C:\\a\\", "a/b/c/"])
def test_paths_are_cut_off(parcel, tmp_path, folder):
    data = zipped(entries_of(parcel), folder)
    there = unpack_instrument(io.BytesIO(data), tmp_path / "theirs", called="theirs.zip")
    assert there == tmp_path / "theirs" / "tiny"
    assert files_in(tmp_path) == sorted(
        ["theirs", "theirs/tiny", *(f"theirs/tiny/{name}" for name in sharing.FILES)]
    )


def test_what_else_lies_in_a_zip_stays_there(parcel, tmp_path):
    more = {"training/state.npz": b"x", "__MACOSX/instrument.yaml": b"x", "run.sh": b"rm -r"}
    data = zipped({**entries_of(parcel), **more})
    there = unpack_instrument(io.BytesIO(data), tmp_path, called="theirs.zip")
    assert files_in(there) == sorted(sharing.FILES)


def test_another_of_that_name_stays_and_the_new_one_gets_a_name_of_its_own(parcel, tmp_path):
    first = unpack_instrument(parcel, tmp_path)
    assert unpack_instrument(parcel, tmp_path) == first  # the very same: nothing to do
    (first / "LICENCE.txt").write_text("mine")
    with pytest.raises(SharingError, match=r"another tiny is there already\. Give this one a name"):
        unpack_instrument(parcel, tmp_path)
    assert (first / "LICENCE.txt").read_text() == "mine"
    assert unpack_instrument(parcel, tmp_path, name="tiny-2").name == "tiny-2"
    for name in ("../up", "a/b", ".hidden", "x" * 90, "a\nb"):
        with pytest.raises(SharingError, match="is no name for an instrument"):
            unpack_instrument(parcel, tmp_path, name=name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny", "tiny-2"]


def test_a_full_disk_is_one_line_and_leaves_nothing(parcel, tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sharing.os, "fsync", full)
    with pytest.raises(OutputError, match="no space left on device; free some space"):
        unpack_instrument(parcel, tmp_path / "theirs")
    assert files_in(tmp_path) == ["theirs"]


def test_the_number_of_weights_is_told_without_building_anything():
    specs = [InstrumentSpec.read(path) for path in sorted(SHIPPED.glob("*/instrument.yaml"))]
    specs += [InstrumentSpec(), InstrumentSpec(architecture=TINY)]
    for spec in specs:
        assert n_weights(spec) == sum(one.numpy().size for one in GuitarModel(spec).weights)


# --- In a shell -----------------------------------------------------------------------------------


def test_pack_and_unpack_in_a_shell(trained, tmp_path, capsys):
    out, to = str(tmp_path / "t.zip"), str(tmp_path / "theirs")
    given = ["--credit", "Ada", "--licence", "CC0-1.0"]
    assert main(["pack", str(trained), "-o", out, *given]) == 0
    assert "nmsynth unpack t.zip --to" in capsys.readouterr().out
    assert main(["unpack", out, "--to", to, "--name", "hers"]) == 0
    said = capsys.readouterr().out
    assert "Made by: Ada" in said and f"--instrument {to}/hers" in said
    assert main(["pack", str(trained), "-o", out]) == 2
    assert main(["unpack", str(tmp_path / "no.zip"), "--to", to]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Error: tiny: say who made it")
    assert second == "Error: no.zip: cannot be read: no such file or directory."


# --- In the page ----------------------------------------------------------------------------------


class Page:
    """Sends what the page sends, and sees what it is sent."""

    def __init__(self, friend):
        self.friend = friend

    def ask(self, content, *buffers):
        before = self.friend.answered
        self.friend._handle_custom_msg(content, list(buffers))
        assert self.friend.answered == before + 1
        return self.friend.taken

    def upload(self, name, data, own_name=""):
        self.friend.problem = ""
        half = len(data) // 2
        return (
            self.ask({"do": "begin", "name": name, "size": len(data)})
            and self.ask({"do": "piece"}, memoryview(data[:half]))
            and self.ask({"do": "piece"}, memoryview(data[half:]))
            and self.ask({"do": "finish", "name": own_name})
        )


@pytest.fixture
def page(tmp_path):
    return Page(load_shared(tmp_path / "theirs"))


def test_an_uploaded_instrument_is_described_and_plays(page, parcel, trained):
    friend = page.friend
    assert friend.instrument is None and friend.folder is None
    assert friend.status == "No instrument yet." and "nmsynth unpack" in html_of(friend)
    assert page.upload("C:\\Downloads\\tiny.zip", parcel.read_bytes())
    assert (friend.problem, friend.status) == ("", "tiny is loaded and checked.")
    assert friend.folder.name == "tiny"
    for words in ("Ada &lt;b&gt;&amp;&lt;/b&gt; Bea", "CC-BY-4.0", "CC0-1.0", "E2 to E3",
                  "Openness (CC55)"):  # fmt: skip
        assert words in friend.shown
    assert "<b>&" not in friend.shown  # what a stranger wrote is text
    assert friend.shown.count("<caption>") == 1 and 'scope="row"' in friend.shown
    (sound,) = played_in(friend.shown)
    assert len(sound) > 6 * 16000
    np.testing.assert_array_equal(
        friend.instrument.render(riff()), Instrument.load(trained).render(riff())
    )


def test_in_the_page_a_refusal_is_one_line_and_the_last_instrument_stays(page, parcel):
    friend, data = page.friend, parcel.read_bytes()
    assert page.upload("tiny.zip", data)
    for name, content, says in [
        ("song.wav", b"RIFF", "song.wav: is no zip"),
        ("tiny.zip", b"", "tiny.zip: is empty"),
        ("tiny.zip", data[:-40], "tiny.zip: is no zip that can be unpacked"),
        ("<img src=x>.zip", b"x", "<img src=x>.zip: is no zip"),
    ]:
        assert not page.upload(name, content)
        assert friend.problem.startswith(says) and "\n" not in friend.problem, friend.problem
        assert friend.status == "tiny is loaded and checked."
    assert not page.ask({"do": "begin", "name": "tiny.zip", "size": 100_000_000})
    assert "has 100.0 MB" in friend.problem
    assert page.upload("tiny.zip", data, own_name=" hers ")
    assert friend.folder.name == "hers" and friend.status == "hers is loaded and checked."
    assert not page.upload("tiny.zip", data, own_name="../up")
    assert friend.problem == "up: is no name for an instrument. Use letters, digits, - and _."


def test_plain_parts_do_the_same(tmp_path, parcel):
    friend = load_shared(tmp_path / "theirs", fallback=True)

    def choose(name, content):
        friend.button.value = ({"name": name, "type": "", "size": len(content),
                                "content": memoryview(content),
                                "last_modified": datetime.datetime.now(datetime.UTC)},)  # fmt: skip

    choose("tiny.wav", b"RIFF")
    assert '<p role="alert">tiny.wav: is no zip' in friend.page.value
    friend.own_name.value = "hers"
    choose("tiny.zip", parcel.read_bytes())
    assert "hers is loaded and checked." in friend.page.value and "alert" not in friend.page.value
    assert friend.folder.name == "hers" and len(played_in(friend.page.value)) == 1


def test_a_zip_of_this_machine_is_taken_as_if_it_was_chosen(page, parcel):
    page.friend.put(parcel)
    assert page.friend.status == "tiny is loaded and checked."
    assert page.friend.shown in html_of(page.friend)  # where no widget can load, the same is there
    with pytest.raises(UploadError):
        page.friend.put(__file__)


def test_a_link_holds_the_file_itself(parcel, tmp_path):
    page = html_of(download_link(parcel))
    assert 'download="tiny.zip"' in page and ">Download tiny.zip (" in page
    data = page.partition("base64,")[2].partition('"')[0]
    assert base64.b64decode(data) == parcel.read_bytes()
    large = tmp_path / "large.zip"
    large.write_bytes(bytes(10_000_001))
    assert "href" not in html_of(download_link(large)) and str(large) in html_of(
        download_link(large)
    )
    with pytest.raises(NmsynthError, match="no such file"):
        download_link(tmp_path / "nothing.zip")
