"""The documentation matches the program: keys, commands, examples that run, links."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import document_commands
import document_keys
import numpy as np
import pytest
import typer

from hpsearch.cli import main
from hpsearch.cli.app import make_app
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.workspace import Workspace

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", *DOCS]
TUTORIAL = ROOT / "docs" / "tutorials" / "own_trainer.md"
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
def test_the_quick_commands_run_in_the_order_of_the_pages(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that need no server, no hours and no CIFAR-10."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "studies", "studies")
    monkeypatch.delenv("HPSEARCH_WORKSPACE", raising=False)
    _write_pets_and_iris()
    assert workspace.root == Path("workspace").resolve()  # the default one
    assert main(["run", "quickstart", "--trials", "2", "--quiet", "--backend", "threading"]) == 0
    n_run = 0
    for page in (ROOT / "docs" / "getting_started.md", *DOCS):
        for command in dict.fromkeys(_commands_in_blocks(page)):
            _, *words = shlex.split(command)
            known = {"quickstart", "pets", "iris"} & {*words} or len(words) == 1
            needs_run = words[0] == "best" and words[1] != "quickstart"
            if words[0] in QUICK and known and not needs_run and "--watch" not in words:
                is_made = words[0] == "new" and Path("studies", f"{words[1]}.toml").exists()
                assert is_made or main(words) == 0, command
                n_run += 1
    assert n_run >= 10


def _write_pets_and_iris() -> None:
    from PIL import Image

    for name, shade in (("cat", 20), ("dog", 200)):
        Path("pets", name).mkdir(parents=True)
        for i in range(20):
            Image.new("RGB", (12, 12), (shade, i, 0)).save(Path("pets", name, f"{i}.png"))
    rows = [f"{i % 7}.{i},{i % 5},{('setosa', 'virginica')[i % 2]}" for i in range(100)]
    Path("iris.csv").write_text("\n".join(["length,width,species", *rows]))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_example_of_the_readme_runs(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its files to predictions of its best model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for block in _blocks(README):
        named = re.match(r"# (linear\.\w+)\n", block)
        if named:
            Path(named.group(1)).write_text(block)
    for command in _commands_in_blocks(README):
        if {"linear", "linear.toml"} & {*shlex.split(command)}:
            assert main(shlex.split(command)[1:]) == 0, command
    use = next(block for block in _blocks(README) if "load_model" in block)
    found: dict[str, object] = {"images": np.zeros((3, 8, 8, 1), np.uint8)}
    exec(use.replace("model.predict(", "predictions = model.predict("), found)
    assert np.asarray(found["predictions"]).shape == (3,)


def test_the_tutorial_has_the_example_of_the_readme() -> None:
    """So that the test of one is a test of both."""
    readme = [_strip_head(block) for block in _blocks(README) if block.startswith("# linear.")]
    tutorial = [_strip_head(block) for block in _blocks(TUTORIAL)]
    assert readme
    assert {*readme} <= {*tutorial}


def _blocks(page: Path) -> list[str]:
    return re.findall(r"^```\w+\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def _strip_head(block: str) -> str:
    """Without the file's name, imports and empty lines."""
    kept = [line for line in block.splitlines() if line and not line.startswith(("#", "import"))]
    return "\n".join(kept)


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.read_text().split()) <= 1200


def test_the_commands_are_documented_as_they_are() -> None:
    assert document_commands.PAGE.read_text(encoding="utf-8") == document_commands.render_page(), (
        "stale: run python scripts/document_commands.py"
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_site_builds_without_warnings_and_fetches_nothing_from_other_hosts(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", tmp_path]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > len(DOCS) - 1
    for page in pages:
        tags = re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*>", page.read_text())
        fetching = [tag for tag in tags if re.search(r"""(?:src|href)=["']?(?:https?:)?//""", tag)]
        assert not fetching, page.name


def test_the_keys_are_documented_as_they_are() -> None:
    assert document_keys.PAGE.read_text(encoding="utf-8") == document_keys.render_page(), (
        "stale: run python scripts/document_keys.py"
    )


def test_every_key_is_described() -> None:
    for title, table in document_keys._TABLES.items():
        keys = set(table.model_fields) - ({"name"} if table is not StudyDefinition else set())
        assert set(table.describe_keys()) == keys, title


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_to_a_page_and_to_a_heading_of_it(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)", page.read_text()):
        linked = (page.parent / target) if target else page
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), f"{target}#{anchor}"


def _anchors(page: Path) -> set[str]:
    """Anchors of its headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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
