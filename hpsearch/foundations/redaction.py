"""Removal of passwords from text that is printed or stored."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

__all__ = ["redact"]

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
