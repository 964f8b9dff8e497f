"""Mail, SMS and other chats through Apprise, one URL of its own kind each.

It is not used for the robots of WeCom, DingTalk and Feishu: it takes every answer with HTTP 200
for a success and does not sign Feishu's (read in the source of Apprise 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.config import NotifySettings
from syncd.notify.senders import InDoubt, Refused, SendError
from syncd.notify.words import Message

if TYPE_CHECKING:
    from apprise import NotifyBase


class Apprised:
    """One service behind Apprise."""

    def __init__(self, settings: NotifySettings) -> None:
        self._url = settings.url

    def send(self, message: Message) -> str:
        """Deliver it to everybody whom the URL names. Raises ``SendError``.

        Apprise's own reasons are not repeated: they may quote addresses.
        """
        from apprise import Apprise, NotifyFormat

        plugin = self._plugin()
        apprise = Apprise()
        apprise.add(plugin)
        if apprise.notify(body=message.body, title=message.title, body_format=NotifyFormat.TEXT):
            return "accepted"
        words = f"{plugin.service_name} did not take it"
        if len(plugin) > 1:
            raise InDoubt(f"{words}, at least not for everybody")
        raise SendError(words)

    def _plugin(self) -> NotifyBase:
        from apprise import Apprise, AppriseAsset
        from apprise.common import PersistentStoreMode

        asset = AppriseAsset(
            app_id="syncd",
            app_desc="syncd",
            http_redirects=False,
            allow_templates=False,
            storage_mode=PersistentStoreMode.MEMORY,
            service_timeout=0,  # else it would wait in a thread of its own; we have one for it
        )
        plugin = Apprise.instantiate(self._url.reveal(), asset=asset)
        if plugin is None:
            raise Refused("Apprise does not understand this URL: https://appriseit.com/services/")
        return plugin
