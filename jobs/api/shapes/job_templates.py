"""Job templates as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.api.shapes.jobs import JobShape
from jobs.api.shapes.payloads import Guarded
from jobs.api.shapes.schedules import UpcomingShape
from jobs.gallery import Entry
from jobs.services.job_templates import MOST_ITEMS, Template
from tenants.api.dry_runs import DryRunShape
from tenants.api.fields import Instant, Object, StrictSerializer

SOURCES = OWN, GALLERY = ("own", "gallery")


class TemplateChanges(StrictSerializer):
    """All that may be said of a template, here to change some of it. `parameters` and `body` are replaced whole."""

    example: dict[str, Any] = {"description": "Of one shop", "active": True}

    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    category = serializers.CharField(max_length=64, required=False, allow_blank=True)
    parameters = Object(
        required=False,
        help_text="JSON Schema of an object of texts, numbers and booleans: type, enum, default, description, minimum, maximum, "
        "minLength, maxLength, required.",
    )
    body = Object(
        required=False, help_text="A job as POST /jobs takes it, with <<name>> wherever a parameter is to stand."
    )
    active = serializers.BooleanField(required=False, help_text="One that is not makes no jobs.")


class TemplateInput(TemplateChanges):
    """A template to be."""

    example = {
        "name": "warm a shop's cache",
        "parameters": {
            "type": "object",
            "required": ["shop"],
            "properties": {
                "shop": {"type": "string", "maxLength": 40},
                "every": {"type": "integer", "minimum": 10, "default": 300},
            },
        },
        "body": {
            "name": "warm-<<shop>>",
            "type": "http",
            "payload": {"method": "POST", "url": "https://shop.example.com/<<shop>>/warm"},
            "schedules": [{"kind": "interval", "interval_seconds": "<<every>>"}],
        },
    }

    name = serializers.CharField(max_length=100)
    body = Object(help_text="A job as POST /jobs takes it, with <<name>> wherever a parameter is to stand.")


class TemplateItem(StrictSerializer):
    """A job to be made of a template."""

    example: dict[str, Any] = {"parameters": {"url": "https://shop.example.com/cache"}}

    name = serializers.CharField(max_length=200, required=False, help_text="Instead of the template's.")
    parameters = Object(required=False)


class InstantiateInput(StrictSerializer):
    """Jobs to be made of a template: all of them, or none."""

    example = {
        "items": [
            {"name": "warm prices", "parameters": {"url": "https://shop.example.com/cache", "region": "prices"}},
            {"name": "warm images", "parameters": {"url": "https://shop.example.com/cache", "region": "images"}},
        ]
    }

    items = serializers.ListField(child=TemplateItem(), min_length=1, max_length=MOST_ITEMS)


class TemplateSummaryShape(serializers.Serializer[Any]):
    """A template in a list."""

    id = serializers.SerializerMethodField(help_text="Of one of the gallery, its name.")
    name = serializers.CharField()
    source = serializers.SerializerMethodField(method_name="get_origin")  # type: ignore[assignment]
    description = serializers.CharField()
    category = serializers.CharField()
    active = serializers.BooleanField()
    version = serializers.IntegerField(help_text="One more with each change.")
    created_at = Instant(allow_null=True, default=None, help_text="Null of one of the gallery.")
    updated_at = Instant(allow_null=True, default=None)

    def get_id(self, template: Template) -> str:
        return template.name if isinstance(template, Entry) else str(template.pk)

    @extend_schema_field(serializers.ChoiceField(SOURCES))
    def get_origin(self, template: Template) -> str:
        return GALLERY if isinstance(template, Entry) else OWN


class TemplateShape(TemplateSummaryShape):
    """A template."""

    parameters = serializers.DictField(help_text="JSON Schema.")
    body = Guarded()
    example = serializers.SerializerMethodField(help_text="Parameters to try it with; null of one of your own.")

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_example(self, template: Template) -> dict[str, Any] | None:
        return dict(template.example) if isinstance(template, Entry) else None


class TemplateDryRunShape(DryRunShape):
    """What a request would make of a template."""

    template = TemplateShape(allow_null=True)


class TemplatePreviewShape(serializers.Serializer[dict[str, Any]]):
    """The job that a template would make. Its ids are those of nothing: it is not stored."""

    job = JobShape()
    next = UpcomingShape(many=True)
