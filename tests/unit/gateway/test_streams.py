"""What a stream remembers to go on with another botnode process."""

import pytest
from google.protobuf.empty_pb2 import Empty

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, event_pb2, media_pb2
from gateway.event_feed import EventPlace
from gateway.policy import POLICIES
from gateway.streams import RESUMPTIONS, Download


def _event(sequence: int) -> bytes:
    cursor = event_pb2.EventCursor(log_id="log", sequence=sequence)
    return bot_pb2.StreamEventsResponse(event=event_pb2.Event(cursor=cursor)).SerializeToString()


def _head(sequence: int) -> bytes:
    cursor = event_pb2.EventCursor(log_id="log", sequence=sequence)
    return bot_pb2.StreamEventsResponse(head=cursor).SerializeToString()


def _asked(events: EventPlace) -> bot_pb2.StreamEventsRequest:
    return bot_pb2.StreamEventsRequest.FromString(events.request())


def test_resumptions_are_for_methods_of_the_contract() -> None:
    assert set(RESUMPTIONS) <= set(POLICIES)


def test_events_go_on_after_the_last_one_passed_on() -> None:
    request = bot_pb2.StreamEventsRequest(tenant_id="a", oldest=Empty())
    events = EventPlace(request.SerializeToString())
    assert events.request() == request.SerializeToString()
    assert events.is_news(_head(9))
    # The head told first is not where a consumer stands who began with the oldest.
    assert _asked(events).WhichOneof("start") == "oldest"
    for sequence in (1, 2, 3):
        assert events.is_news(_event(sequence))
    events.is_news(_head(9))
    assert _asked(events).after.sequence == 3
    assert _asked(events).after.log_id == "log"
    assert _asked(events).tenant_id == "a"


@pytest.mark.parametrize(
    "request_",
    [
        bot_pb2.StreamEventsRequest(tenant_id="a"),
        bot_pb2.StreamEventsRequest(tenant_id="a", latest=Empty()),
    ],
)
def test_events_from_the_newest_end_go_on_after_the_head_told_first(
    request_: bot_pb2.StreamEventsRequest,
) -> None:
    events = EventPlace(request_.SerializeToString())
    events.is_news(_head(9))
    assert _asked(events).after.sequence == 9
    events.is_news(_event(10))
    events.is_news(_head(12))
    assert _asked(events).after.sequence == 10


def test_events_after_a_cursor_keep_it_until_one_came() -> None:
    after = event_pb2.EventCursor(log_id="log", sequence=4)
    request = bot_pb2.StreamEventsRequest(tenant_id="a", after=after)
    events = EventPlace(request.SerializeToString())
    events.is_news(_head(9))
    assert _asked(events).after.sequence == 4


def test_a_download_goes_on_behind_its_last_byte() -> None:
    def record(sha256: bytes) -> bytes:
        media = media_pb2.StoredMedia(sha256=sha256)
        return media_pb2.DownloadMediaResponse(media=media).SerializeToString()

    asked = media_pb2.DownloadMediaRequest(tenant_id="a", media_id="m", offset=10)
    download = Download(asked.SerializeToString())
    assert download.request() == asked.SerializeToString()
    assert download.is_news(record(b"1"))
    assert download.is_news(media_pb2.DownloadMediaResponse(data=b"12345").SerializeToString())
    assert media_pb2.DownloadMediaRequest.FromString(download.request()).offset == 15
    assert not download.is_news(record(b"1"))
    with pytest.raises(MeshError) as caught:
        download.is_news(record(b"2"))
    assert caught.value.reason is Reason.MEDIA_NOT_FOUND
