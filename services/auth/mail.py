"""Mails, by SMTP or into a folder: short, plain, in English and Japanese.

A link has the address and the code in its fragment (`#`), which browsers send to no server and in no `Referer`.
"""

import asyncio
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlencode, urlsplit

import aiosmtplib

from services.auth.settings import AuthSettings
from services.contracts.envelope import new_event_id_text

SMTP_SECONDS: Final = 10
PASSWORD_CHANGED, ADDRESS_CHANGED = "password-changed", "address-changed"
NOTICES: Final = frozenset({PASSWORD_CHANGED, ADDRESS_CHANGED})
"""Kinds of mails that say what has happened, to whom it may be news."""
IGNORE: Final = "If this was not you, ignore this mail.\nお心当たりがない場合は、このメールを無視してください。"


class Text(NamedTuple):
    """The words of one kind of mail, and the page of its link."""

    subject: str
    english: str
    japanese: str
    page: str


TEXTS: Final = {
    "registration": Text(
        "Confirm your address / メールアドレスの確認",
        "Open this link within 24 hours to finish your registration, with the password that you have chosen.",
        "24時間以内に次のリンクを開いて、設定したパスワードで登録を完了してください。",
        "/account/confirm",
    ),
    "registered": Text(
        "You are registered already / すでに登録されています",
        "This address has an account already. To choose a new password, open:",
        "このメールアドレスはすでに登録されています。パスワードの変更はこちら:",
        "/account/reset",
    ),
    "password-reset": Text(
        "Choose a new password / パスワードの再設定",
        "Open this link within 30 minutes to choose a new password.",
        "30分以内に次のリンクを開いて、新しいパスワードを設定してください。",
        "/account/reset",
    ),
    "email-change": Text(
        "Confirm your new address / 新しいメールアドレスの確認",
        "Open this link within an hour to use this address from now on.",
        "1時間以内に次のリンクを開いて、メールアドレスの変更を完了してください。",
        "/account/email",
    ),
    PASSWORD_CHANGED: Text(
        "Your password was changed / パスワードが変更されました",
        "The password of your account was changed. If this was not you, choose another one at once:",
        "アカウントのパスワードが変更されました。お心当たりがない場合は、すぐに再設定してください:",
        "/account/reset",
    ),
    ADDRESS_CHANGED: Text(
        "Your address was changed / メールアドレスが変更されました",
        "Your account has another address now. If this was not you, tell the shop at once:",
        "アカウントのメールアドレスが変更されました。お心当たりがない場合は、すぐにショップへご連絡ください:",
        "/",
    ),
}


class Sender(Protocol):
    """A way to send mails."""

    async def send(self, message: EmailMessage) -> None:
        """Send one; any error means that it was not sent."""


class FolderSender:
    """Writes mails as files, for a local state and for tests; `*.eml` files are complete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Write one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{new_event_id_text()}.eml"
        draft = file.with_suffix(".new")
        draft.write_bytes(message.as_bytes())
        draft.replace(file)


class SmtpSender:
    """Sends by `smtp://user:password@host:port` (STARTTLS, which a login requires) or `smtps://` (TLS)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        is_tls = parts.scheme == "smtps"
        self._options: dict[str, Any] = {
            "hostname": parts.hostname,
            "port": parts.port or (465 if is_tls else 587),
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": is_tls,
            "start_tls": False if is_tls else True if parts.username else None,
            "tls_context": ssl.create_default_context(),
        }

    async def send(self, message: EmailMessage) -> None:
        """Send one."""
        async with asyncio.timeout(SMTP_SECONDS):
            await aiosmtplib.send(message, **self._options)


class Mailer:
    """Writes the mails, and sends them."""

    def __init__(self, settings: AuthSettings) -> None:
        self._from = settings.mail_from
        self._storefront = settings.storefront_url.rstrip("/")
        self._sender: Sender
        if settings.smtp_url:
            self._sender = SmtpSender(settings.smtp_url)
        else:
            assert settings.mail_folder is not None, "the settings have one of the two"
            self._sender = FolderSender(settings.mail_folder)

    async def send(self, kind: str, email: str, code: str | None = None) -> None:
        """Send the mail of this kind, with a link that carries the code if there is one."""
        text = TEXTS[kind]
        fragment = f"#{urlencode({'email': email, 'code': code})}" if code else ""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._from, email, text.subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._from.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        link = f"{self._storefront}{text.page}{fragment}"
        parts = (f"{text.english}\n{text.japanese}", link, *(() if kind in NOTICES else (IGNORE,)))
        message.set_content("\n\n".join(parts) + "\n", cte="8bit")
        await self._sender.send(message)
