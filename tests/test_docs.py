"""What the pages show is so: keys as the code has them, commands that exist, links that lead."""

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import document_keys
import pytest
import typer

from hpsearch.cli import main
from hpsearch.cli.app import make_app
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.workspace import Workspace

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOK = ROOT / "docs" / "assignment.ipynb"
PROGRAM = typer.main.get_command(make_app())

# Each needs nothing but the quickstart study, and about a second.
QUICK = {"list", "status", "best", "clean", "schema", "new", "doctor"}


def _commands_in_blocks(page: Path) -> Iterator[str]:
    """Lines of its shell blocks and of its outputs that call the program."""
    language = None
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            language = line.removeprefix("```") if language is None else None
        elif language in ("", "sh"):
            found = re.search(
                r"(?:^|next:\s+|^ {2,})(hpsearch|python scripts/run_study\.py) .*", line
            )
            if found:
                command = re.split(r"\s{2,}|\s+#", found.group(0).removeprefix("next:").strip())[0]
                yield command.replace("python scripts/run_study.py", "hpsearch run")


def _commands(page: Path) -> Iterator[str]:
    """Those of its blocks and those in its sentences, which may leave arguments out."""
    yield from _commands_in_blocks(page)
    yield from re.findall(r"`(hpsearch [a-z]+[^`]*)`", page.read_text())


SHOWN = sorted({(page.name, command) for page in PAGES for command in _commands(page)})


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_command_that_is_shown_exists_with_its_options(page: str, command: str) -> None:
    _, *words = shlex.split(command)
    if words[0].startswith("-"):
        return  # options of the program itself, such as --install-completion
    assert words[0] in PROGRAM.commands, command  # type: ignore[attr-defined]
    known = {
        name
        for parameter in PROGRAM.commands[words[0]].params  # type: ignore[attr-defined]
        for name in parameter.opts
    } | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, command


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_quick_commands_run_in_the_order_of_the_readme(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that need no server, no hours and no CIFAR-10."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "studies", "studies")
    monkeypatch.delenv("HPSEARCH_WORKSPACE", raising=False)
    from PIL import Image

    for name, shade in (("cat", 20), ("dog", 200)):
        Path("pets", name).mkdir(parents=True)
        for i in range(20):
            Image.new("RGB", (12, 12), (shade, i, 0)).save(Path("pets", name, f"{i}.png"))
    assert workspace.root == Path("workspace").resolve()  # the default one
    assert main(["run", "quickstart", "--trials", "2", "--quiet", "--backend", "threading"]) == 0
    n_run = 0
    for command in dict.fromkeys(_commands_in_blocks(ROOT / "README.md")):
        _, *words = shlex.split(command)
        needs_more = {"cifar10", "STUDY", "--watch", "NAME", "pets_net"} & {*words}
        if words[0] in QUICK and not needs_more:
            assert main(words) == 0, command
            n_run += 1
    assert n_run >= 6


def test_the_keys_are_documented_as_they_are() -> None:
    assert document_keys.PAGE.read_text(encoding="utf-8") == document_keys.render_page(), (
        "stale: run python scripts/document_keys.py"
    )


def test_every_key_is_described() -> None:
    for title, table in document_keys._TABLES.items():
        keys = set(table.model_fields) - ({"name"} if table is not StudyDefinition else set())
        assert set(table.describe_keys()) == keys, title


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_notebook_is_stored_with_its_outputs_and_names_no_machine() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    assert sum(bool(cell["outputs"]) for cell in cells) >= 8
    assert not re.search(r"/(tmp|work|home|root)/", NOTEBOOK.read_text())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_runs_on_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.environ.get("HPSEARCH_DATA_DIR"):
        pytest.skip("needs CIFAR-10: HPSEARCH_DATA_DIR says where it lies")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("HPSEARCH_WORKSPACE", str(tmp_path / "workspace"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600).execute()  # raises at the first error
    texts = [out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", ())]
    assert any("loss 1.30378789133" in text for text in texts)
    assert any("looks: 1" in text for text in texts)
