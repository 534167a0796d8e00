"""Passwords in addresses are hidden wherever they stand; what is no password stays."""

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.text import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:geheim@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql+psycopg://me:ge@he:im/@db/x", "postgresql+psycopg://me:***@db/x"),
        ("mysql://:geheim@db/x", "mysql://:***@db/x"),
        ("https://geheim@mlflow.example", "https://***@mlflow.example"),
        ("postgresql://db/x?user=me&password=geheim", "postgresql://db/x?user=me&password=***"),
        ("postgresql:///x?sslpassword=geheim&a=b", "postgresql:///x?sslpassword=***&a=b"),
        ("https://h/x?token=geheim", "https://h/x?token=***"),
        ("https://h/x?pass%77ord=geheim", "https://h/x?pass%77ord=***"),
        ("host=db password='ge heim' user=me", "host=db password=*** user=me"),
        ("AWS_SECRET_ACCESS_KEY=geheim", "AWS_SECRET_ACCESS_KEY=***"),
    ],
)
def test_a_password_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(f"cannot reach {text} today") == f"cannot reach {shown} today"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me@db/x",
        "sqlite:////home/a:b@c/x.db",
        "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=hpsearch",
        "models:/small@best",
        "expected a token, got ')'",
        "learning_rate=0.01 reg=0.5",
    ],
)
def test_all_else_stays(text: str) -> None:
    assert redact(text) == text


def test_a_password_that_a_driver_quotes_by_itself_is_hidden() -> None:
    said = "no role for ge/heim, nor for ge%2Fheim"
    assert redact(said, "postgresql://me:ge%2Fheim@db/x") == "no role for ***, nor for ***"


def test_no_error_of_the_program_shows_one() -> None:
    assert str(StoreError("postgresql://me:geheim@db: away")) == "postgresql://me:***@db: away"


passwords = st.text(
    st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"]), min_size=6
).filter(lambda password: "***" not in password and not password.isspace())
schemes = st.sampled_from(["postgresql", "postgresql+psycopg", "mysql", "http", "https"])
names = st.sampled_from(["password", "sslpassword", "token", "PASSWORD", "access_token", "passwd"])


@given(schemes, passwords, st.booleans(), st.text(max_size=20), st.text(max_size=20))
def test_no_user_part_shows_its_password(
    scheme: str, password: str, is_quoted: bool, before: str, after: str
) -> None:
    """Escaped or not, and whatever stands around it."""
    written = quote(password, safe="") if is_quoted else password
    text = f"{before} {scheme}://me:{written}@db.example:5432/x {after}"
    assume(written not in f"{before}{after}{scheme}://me:***@db.example:5432/x")
    assert written not in redact(text)
    assert redact(redact(text)) == redact(text)


@given(schemes, names, passwords)
def test_no_setting_shows_its_password(scheme: str, name: str, password: str) -> None:
    written = quote(password, safe="")
    for text in (f"{scheme}://db/x?user=me&{name}={written}&a=b", f"{name}={written}"):
        shown = redact(text)
        assert shown == text.replace(f"={written}", "=***")


@given(passwords, st.text(max_size=30), st.text(max_size=30))
def test_no_text_shows_the_password_of_an_address_in_use(
    password: str, before: str, after: str
) -> None:
    for written in (password, quote(password, safe="")):
        shown = redact(f"{before}{password}{after}", f"postgresql://me:{written}@db/x")
        assert password not in shown.replace("***", "\0") or password in "***"
