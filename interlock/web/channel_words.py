"""What kinds of channels and the events that go to them are called on pages."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Label = Promise | str

KINDS: dict[str, Label] = {
    "dingtalk": _("DingTalk"),
    "feishu": _("Feishu or Lark"),
    "wecom": _("WeCom"),
    "slack": _("Slack, Mattermost"),
    "webhook": _("Webhook of your own"),
    "mail": _("Mail"),
    "apprise": _("apprise: a hundred more"),
}

# What an address of the kind looks like.
ADDRESSES: dict[str, Label] = {
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=…",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/…",
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
    "slack": "https://hooks.slack.com/services/…",
    "webhook": "https://hooks.example.com/interlock",
    "mail": "smtp://user:password@mail.example.com:587",
    "apprise": "tgram://bottoken/chatid",
}

EVENTS: dict[str, Label] = {
    "run_started": _("run started"),
    "run_succeeded": _("run succeeded"),
    "run_failed": _("run failed"),
    "run_canceled": _("run canceled"),
    "run_held": _("run needs a person"),
    "approval_opened": _("approval asked for"),
    "approval_due": _("approval nearly expired"),
    "approval_decided": _("approval decided"),
    "schedule_stopped": _("schedule stopped by itself"),
    "build_succeeded": _("build succeeded"),
    "build_failed": _("build failed"),
    "step": _("said by a step"),
    "test": _("test"),
}
OFFERED = tuple(name for name in EVENTS if name not in ("step", "test"))
