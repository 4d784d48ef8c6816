from email.message import EmailMessage

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller

from services.auth.mail import SmtpSender
from stack.parts.process import HOST, free_port


class Inbox:
    """A mail server, which keeps what it gets."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: ARG002, N802 - aiosmtpd's own
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def server():
    inbox = Inbox()
    inbox.port = free_port()
    controller = Controller(inbox, hostname=HOST, port=inbox.port)
    controller.start()
    yield inbox
    controller.stop()


@pytest.fixture
def message():
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", "hana@example.com", "確認"
    message.set_content("次のリンク", cte="8bit")
    return message


async def test_a_mail_is_sent_by_smtp(server, message):
    await SmtpSender(f"smtp://{HOST}:{server.port}").send(message)
    assert [mail.rcpt_tos for mail in server.mails] == [["hana@example.com"]]
    assert "次のリンク" in server.mails[0].content.decode()


async def test_a_password_is_not_sent_to_a_server_without_tls(server, message):
    with pytest.raises(aiosmtplib.SMTPException):
        await SmtpSender(f"smtp://user:secret@{HOST}:{server.port}").send(message)
    assert server.mails == []
