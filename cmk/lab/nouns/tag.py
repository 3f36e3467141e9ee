"""Tags: keys with values that accounts put on what they have."""

from __future__ import annotations

from cmk.document import Json
from cmk.lab.call import Call
from cmk.lab.declaration import DONE, api, job
from cmk.lab.jobs import Task
from cmk.lab.model.record import Record
from cmk.lab.model.tag import SHOWN, TAGGED, Tag, is_of
from cmk.lab.noun import Args, Noun
from cmk.wire.faults import failed, invalid, malformed, no_such, not_yours

TAG = Noun("tag", "listTags", "tag_view", SHOWN, keyword="key", is_owned=True)

#: Tags that one thing may have.
MOST = 100

_BY_NAME = {name.lower(): name for name in TAGGED}


@api(TAG)
def list_tags(call: Call, args: Args) -> Json:
    """Lists tags.

    resourcetype: tags of this kind of thing: UserVm, Template, Network, …
    resourceid: tags of the thing with this id
    key: tags with this key
    value: tags with this value
    """
    return TAG.listed(call, args)


@job(DONE)
def create_tags(call: Call, args: Args) -> Task:
    """Puts tags on things.

    resourceids*: the things, by their ids, with commas between
    resourcetype*: what they are: UserVm, Template, ISO, Volume, Network, …
    tags*: the tags: tags[0].key= tags[0].value=
    """
    kind = _BY_NAME.get(args["resourcetype"].lower())
    if kind is None:
        return Task(call.caller, refusal=invalid(f"Invalid resource type {args['resourcetype']}"))
    if not args["tags"]:
        raise malformed("createTags needs tags[0].key and tags[0].value.")
    things = _things(call, kind, args)
    for thing in things:
        has = {tag.key for tag in Tag.there(call.store, resource_uuid=thing.uuid)}
        for key in args["tags"]:
            if key in has:
                told = f"tag {key} already on {kind} with id {thing.uuid}"
                return Task(call.caller, refusal=failed(told))
        if len(has) + len(args["tags"]) > MOST:
            raise invalid(f"{thing.uuid} would have more than {MOST} tags.")
    for thing in things:
        owner = call.caller.id if thing.owner is None else thing.owner
        for key, value in args["tags"].items():
            Tag.insert(
                call.store,
                resource_type=kind,
                resource_uuid=thing.uuid,
                account_id=owner,
                key=key,
                value=value,
            )
    return Task(call.caller, answer={"success": True})


@job(DONE)
def delete_tags(call: Call, args: Args) -> Task:
    """Takes tags from things: those that are named, or all.

    resourceids*: the things, by their ids, with commas between
    resourcetype*: what they are: UserVm, Template, ISO, Volume, Network, …
    tags: only these: tags[0].key=, and only with a value where one is given
    """
    kind = _BY_NAME.get(args["resourcetype"].lower())
    if kind is None:
        return Task(call.caller, refusal=invalid(f"Invalid resource type {args['resourcetype']}"))
    wanted = args.get("tags") or {}
    for thing in _things(call, kind, args):
        for tag in Tag.there(call.store, resource_uuid=thing.uuid, resource_type=kind):
            if not wanted or wanted.get(tag.key) in ("", tag.value):
                tag.delete(call.store)
    return Task(call.caller, answer={"success": True})


def _things(call: Call, kind: str, args: Args) -> list[Record]:
    """What is to have tags, all of it the caller's to touch."""
    found = [call.find(TAGGED[kind], each, "resourceids") for each in args["resourceids"]]
    if not found:
        raise malformed("resourceids names what the tags are on.")
    for thing in found:
        if thing.owner is None and not call.caller.is_root:  # it is everybody's
            raise not_yours(thing.KIND)
        if not is_of(thing, kind):
            raise no_such(kind, "resourceids", thing.uuid)
    return list({thing.uuid: thing for thing in found}.values())
