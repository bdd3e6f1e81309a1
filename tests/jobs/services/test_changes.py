"""Merge patches by RFC 7396, and what the audit trail tells of a change."""

from __future__ import annotations

import json

import pytest

from jobs.services import changes

# The cases of RFC 7396, appendix A, that JSON columns of ours can meet: target, patch, result.
RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    (["a", "b"], {"a": 1}, {"a": 1}),
    ({"a": "foo"}, "bar", "bar"),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_merge_patch_is_that_of_the_rfc(target, patch, result):
    assert changes.merge_patch(target, patch) == result


def test_merging_leaves_the_target_alone():
    target = {"a": {"b": 1}}
    changes.merge_patch(target, {"a": {"b": 2}})
    assert target == {"a": {"b": 1}}


def test_change_names_old_and_new_and_of_a_payload_only_the_keys():
    before = {"name": "a", "priority": 5, "payload": {"url": "secret", "same": 1}}
    after = {"name": "b", "priority": 5, "payload": {"body": "secret", "same": 1}}
    assert changes.between(before, after) == {"name": ["a", "b"], "payload": ["body", "url"]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 2}),
        ({"a": 1}, {"a": {"b": {"c": 1}}}),
        ({"a": [1, 2]}, {"a": [1]}),
    ],
)
def test_a_patch_makes_the_new_object_of_the_old(old, new):
    patch = changes.patch_between(old, new)
    assert changes.merge_patch(old, patch) == new
    assert json.dumps(patch) == "{}" or old != new
