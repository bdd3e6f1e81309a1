"""The console's marks as template filters."""

from __future__ import annotations

from django import template

from tenants import marks

register = template.Library()

register.filter("state", marks.state)
register.filter("instant", marks.instant)
register.filter("lasting", marks.length)  # Django has a filter named length
register.filter("json_block", marks.json_block)
register.filter("code", marks.code)
register.filter("shortened", marks.shortened)
