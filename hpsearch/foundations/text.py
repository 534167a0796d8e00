"""Text for people: numbers and lists, misspelt names, control characters, passwords left out."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

__all__ = [
    "describe_refit_state",
    "list_names",
    "list_trials",
    "one_line",
    "printable",
    "redact",
    "shorten_age",
    "shorten_bytes",
    "shorten_duration",
    "shorten_number",
    "shorten_ordinal",
    "suggest",
]

_HIDDEN = "***"
# The part of a URL before its last @. A password may contain an unescaped @, so all up to the last
# one is hidden; a path may contain one too, and is then hidden as well.
_USER_PART = re.compile(
    r"(?P<scheme>[A-Za-z][\w+.-]*)://(?:(?P<user>[^\s/:]*):(?P<secret>\S*)|(?P<only>[^\s/:@]+))@"
)
_SECRET = r"passw|passphrase|\bpwd|^pass$|token|secret|credential|api_?-?key|access_?-?key"
_IS_SECRET = re.compile(_SECRET, re.IGNORECASE)
# A setting, in a URL's query or in a database driver's notation.
_SETTING = re.compile(
    r"""(?P<name>[\w%.-]+)(?P<equals>\s?=\s?)(?P<value>'[^']*'|"[^"]*"|[^\s&]+)"""
)


def list_trials(numbers: Sequence[int]) -> str:
    """Format ascending trial numbers: ``trial 3``, ``trials 3, 5 to 9 and 12``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [
        part
        for run in runs
        for part in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))
    ]
    listed = ", ".join(parts[:-1]) + " and " * (len(parts) > 1) + parts[-1]
    return f"trial{'s' if len(numbers) > 1 else ''} {listed}"


def list_names(names: Sequence[str], n_shown: int = 5) -> str:
    """List the first names, and count the others: ``a, b and 1,204 more``."""
    n_more = len(names) - n_shown
    return ", ".join(names[:n_shown]) + (f" and {n_more:,} more" if n_more > 0 else "")


# Control characters (C0, DEL, C1), characters that change the direction or break the lines of text,
# and bytes that are not UTF-8 (surrogates).
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str, *, keep: str = "") -> str:
    r"""Escape control characters in `text`: names and errors may contain any.

    Parameters
    ----------
    text : str
        Text from a file, a name or a library.
    keep : str
        Control characters to keep, such as a newline.

    Returns
    -------
    str
        Encodable as UTF-8; ``\x1b`` for an escape character, ``\xe9`` for a byte that was not
        UTF-8.
    """
    return _UNPRINTABLE.sub(lambda m: m[0] if m[0] in keep else _escape(m[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python represents a byte that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def shorten_number(value: Any) -> str:
    """Format a float with four digits; anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shorten_duration(seconds: float) -> str:
    """Format a duration: ``8.2 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def shorten_bytes(n: float) -> str:
    """Format a size: ``512 B``, ``1.2 MB``, ``30 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.1f} {unit}" if n < 10 and unit != "B" else f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def shorten_ordinal(number: int) -> str:
    """Format an ordinal number: ``1st``, ``2nd``, ``11th``."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    is_teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if is_teen else endings.get(number % 10, 'th')}"


def shorten_age(then: datetime, now: datetime) -> str:
    """Format how long ago `then` was, or its date after a day: ``8 min ago``, ``2026-11-25``."""
    age = now - then
    if age < timedelta(minutes=1):
        return "just now"
    if age < timedelta(hours=1):
        return f"{age // timedelta(minutes=1)} min ago"
    if age < timedelta(days=1):
        return f"{age // timedelta(hours=1)} h ago"
    return f"{then:%Y-%m-%d}"


def suggest(given: str, known: Iterable[str]) -> str:
    """Format a hint about an unknown name for the end of a message: the nearest known, or all."""
    names = list(known)
    nearest = difflib.get_close_matches(given, names, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known are {', '.join(names)}"


def describe_refit_state(state: str) -> str:
    """State of the training of the best hyperparameters on the examples of all folds."""
    on_all = "again on the examples of all folds"
    known = {
        "COMPLETE": f"were trained {on_all}; that model has no validation score of its own",
        "PRUNED": f"diverged when trained {on_all}, so there is no best model",
        "FAILED": f"failed when trained {on_all}, so there is no best model",
    }
    default = f"will be trained {on_all} when all trials have ended"
    return f"the best hyperparameters {known.get(state, default)}"


def redact(text: str, *addresses: str) -> str:
    """Replace passwords in `text` by ``***``.

    Hidden are the password before the ``@`` of any URL, and the value of any setting whose name
    says that it is secret (``?password=``, ``sslpassword=``, ``token=``).

    Parameters
    ----------
    text : str
        A message, a URL, a traceback.
    *addresses : str
        URLs in use: their passwords are hidden wherever they occur in `text`, as a driver may
        quote a password by itself.
    """
    secrets = {secret for address in addresses for secret in _list_secrets(address)}
    # The longest first: one may contain another.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _SETTING.sub(_hide_setting, _USER_PART.sub(_hide_user_part, text))


def _list_secrets(address: str) -> Iterator[str]:
    """Yield the passwords in a URL, as written and percent-decoded."""
    found = [match["secret"] or "" for match in _USER_PART.finditer(address)]
    found += [m["value"] for m in _SETTING.finditer(address) if _is_secret(m["name"])]
    for secret in found:
        yield from {secret, unquote(secret)} - {"", _HIDDEN}


def _hide_user_part(match: re.Match[str]) -> str:
    scheme, user, only = match["scheme"], match["user"], match["only"]
    # A single name before the @ may be a token for a web server; for a database it is a user.
    is_web = scheme.lower() in ("http", "https")
    if only or (is_web and "@" in user):
        return f"{scheme}://{_HIDDEN if is_web else only}@"
    return f"{scheme}://{user}:{_HIDDEN}@"


def _hide_setting(match: re.Match[str]) -> str:
    if not _is_secret(match["name"]):
        return match[0]
    return f"{match['name']}{match['equals']}{_HIDDEN}"


def _is_secret(name: str) -> bool:
    return bool(_IS_SECRET.search(unquote(name)))


def one_line(error: BaseException) -> str:
    """Return the message of `error` on one line; the name of its type if it is empty."""
    return " ".join(str(error).split()) or type(error).__name__
