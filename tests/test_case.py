from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hand_made import Frame, wave_case

import pipeline.case
from pipeline.case import find_case, find_cases
from pipeline.errors import CaseError, OptionError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes a package of cases from the text of each folder's `__init__.py`."""
    (tmp_path / "cases_of_a_test").mkdir()
    (tmp_path / "cases_of_a_test" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pipeline.case, "CASES_PACKAGE", "cases_of_a_test")
    find_cases.cache_clear()

    def write(**folders: str) -> None:
        for name, text in folders.items():
            folder = tmp_path / "cases_of_a_test" / name
            folder.mkdir()
            (folder / "__init__.py").write_text(text)

    yield write
    find_cases.cache_clear()
    for name in [name for name in sys.modules if name.startswith("cases_of_a_test")]:
        del sys.modules[name]


def declared(name: str) -> str:
    return f"from hand_made import wave_case\nCASE = wave_case(name={name!r})\n"


def test_every_folder_with_a_case_is_found(package: Callable[..., None], tmp_path: Path) -> None:
    """Cases are folders: sorted by name, single modules are none."""
    package(west=declared("west"), east=declared("east"))
    (tmp_path / "cases_of_a_test" / "notes.py").write_text("raise SystemExit")

    assert ["east", "west"] == list(find_cases())
    assert "west" == find_case("west").name


def test_a_folder_without_a_case_is_named(package: Callable[..., None]) -> None:
    """The error says which module lacks its declaration."""
    package(empty="")

    with pytest.raises(CaseError, match=r"cases_of_a_test.empty has no CASE"):
        find_cases()


def test_a_declaration_of_another_kind_is_no_case(package: Callable[..., None]) -> None:
    """CASE must be a Case, not a dictionary that looks like one."""
    package(odd="CASE = {'name': 'odd'}")

    with pytest.raises(CaseError, match="has no CASE"):
        find_cases()


def test_a_case_has_the_name_of_its_folder(package: Callable[..., None]) -> None:
    """Two names for one case would part its tables from its pages."""
    package(west=declared("east"))

    with pytest.raises(CaseError, match="calls itself 'east'"):
        find_cases()


def test_an_unknown_case_is_told_with_the_known_ones(package: Callable[..., None]) -> None:
    """A slip of the pen is answered with what there is."""
    package(west=declared("west"), east=declared("east"))

    with pytest.raises(OptionError, match=r"no case 'wset'. Choose one of: east, west."):
        find_case("wset")


def test_the_real_cases_include_bikes() -> None:
    """The package's own folder is where cases are looked for."""
    find_cases.cache_clear()

    assert "bikes" in find_cases()


def test_a_missing_mode_is_told_with_the_modes_of_the_case() -> None:
    """A case without a live source says which sources it has."""
    case = wave_case(sources={"sample": Frame(), "files": Frame(simulated=False)})

    with pytest.raises(OptionError, match=r"no source 'live'. Choose one of: files, sample."):
        case.source("live")


def test_a_source_is_found_by_its_mode() -> None:
    """Each mode has its own source."""
    files = Frame(simulated=False)

    assert files is wave_case(sources={"files": files}).source("files")


def test_an_unknown_candidate_is_told_with_the_known_ones() -> None:
    """A name that is no candidate is answered with those of the case."""
    case = wave_case()

    assert case.candidates[0] is case.candidate("ridge")
    with pytest.raises(OptionError, match=r"no candidate 'rigde'. Choose among: ridge."):
        case.candidate("rigde")


def test_two_candidates_of_one_name_are_refused() -> None:
    """A name on a page stands for one model."""
    case = wave_case()

    with pytest.raises(CaseError, match="two candidates of one name"):
        replace(case, candidates=case.candidates * 2)


def test_the_page_of_a_case_is_in_its_folder() -> None:
    """The hand-written words lie beside the declarations."""
    assert Path("cases/waves/page.md") == wave_case().page.relative_to(
        Path(pipeline.case.__file__).parent
    )


def test_cases_are_found_without_what_only_models_need() -> None:
    """Every command asks for them: what takes a second to import is left to the kernels."""
    program = (
        "import sys; from pipeline.case import find_cases; find_cases(); "
        "print(sorted({'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"
    )

    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
