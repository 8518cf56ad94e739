import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Delivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_UNSPECIFIED: _ClassVar[Delivery]
    DELIVERY_NOW: _ClassVar[Delivery]
    DELIVERY_QUEUE: _ClassVar[Delivery]

class MessageState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_STATE_UNSPECIFIED: _ClassVar[MessageState]
    MESSAGE_STATE_QUEUED: _ClassVar[MessageState]
    MESSAGE_STATE_SENDING: _ClassVar[MessageState]
    MESSAGE_STATE_UNKNOWN: _ClassVar[MessageState]
    MESSAGE_STATE_SENT: _ClassVar[MessageState]
    MESSAGE_STATE_DELIVERED: _ClassVar[MessageState]
    MESSAGE_STATE_READ: _ClassVar[MessageState]
    MESSAGE_STATE_FAILED: _ClassVar[MessageState]
DELIVERY_UNSPECIFIED: Delivery
DELIVERY_NOW: Delivery
DELIVERY_QUEUE: Delivery
MESSAGE_STATE_UNSPECIFIED: MessageState
MESSAGE_STATE_QUEUED: MessageState
MESSAGE_STATE_SENDING: MessageState
MESSAGE_STATE_UNKNOWN: MessageState
MESSAGE_STATE_SENT: MessageState
MESSAGE_STATE_DELIVERED: MessageState
MESSAGE_STATE_READ: MessageState
MESSAGE_STATE_FAILED: MessageState

class MessageContent(_message.Message):
    __slots__ = ("text", "location", "contacts", "poll", "reaction", "edit", "revoke", "image", "video", "audio", "document", "sticker", "poll_vote", "quoted", "mentions", "forwarded", "forwarding_score")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    POLL_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    REVOKE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    STICKER_FIELD_NUMBER: _ClassVar[int]
    POLL_VOTE_FIELD_NUMBER: _ClassVar[int]
    QUOTED_FIELD_NUMBER: _ClassVar[int]
    MENTIONS_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    FORWARDING_SCORE_FIELD_NUMBER: _ClassVar[int]
    text: TextContent
    location: LocationContent
    contacts: ContactsContent
    poll: PollContent
    reaction: ReactionContent
    edit: EditContent
    revoke: RevokeContent
    image: ImageContent
    video: VideoContent
    audio: AudioContent
    document: DocumentContent
    sticker: StickerContent
    poll_vote: PollVoteContent
    quoted: QuotedMessage
    mentions: _containers.RepeatedScalarFieldContainer[str]
    forwarded: bool
    forwarding_score: int
    def __init__(self, text: _Optional[_Union[TextContent, _Mapping]] = ..., location: _Optional[_Union[LocationContent, _Mapping]] = ..., contacts: _Optional[_Union[ContactsContent, _Mapping]] = ..., poll: _Optional[_Union[PollContent, _Mapping]] = ..., reaction: _Optional[_Union[ReactionContent, _Mapping]] = ..., edit: _Optional[_Union[EditContent, _Mapping]] = ..., revoke: _Optional[_Union[RevokeContent, _Mapping]] = ..., image: _Optional[_Union[ImageContent, _Mapping]] = ..., video: _Optional[_Union[VideoContent, _Mapping]] = ..., audio: _Optional[_Union[AudioContent, _Mapping]] = ..., document: _Optional[_Union[DocumentContent, _Mapping]] = ..., sticker: _Optional[_Union[StickerContent, _Mapping]] = ..., poll_vote: _Optional[_Union[PollVoteContent, _Mapping]] = ..., quoted: _Optional[_Union[QuotedMessage, _Mapping]] = ..., mentions: _Optional[_Iterable[str]] = ..., forwarded: _Optional[bool] = ..., forwarding_score: _Optional[int] = ...) -> None: ...

class MessageReference(_message.Message):
    __slots__ = ("message_id", "whatsapp_id", "from_me", "sender_jid")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    WHATSAPP_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_ME_FIELD_NUMBER: _ClassVar[int]
    SENDER_JID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    whatsapp_id: str
    from_me: bool
    sender_jid: str
    def __init__(self, message_id: _Optional[str] = ..., whatsapp_id: _Optional[str] = ..., from_me: _Optional[bool] = ..., sender_jid: _Optional[str] = ...) -> None: ...

class QuotedMessage(_message.Message):
    __slots__ = ("original", "content")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    original: MessageReference
    content: MessageContent
    def __init__(self, original: _Optional[_Union[MessageReference, _Mapping]] = ..., content: _Optional[_Union[MessageContent, _Mapping]] = ...) -> None: ...

class TextContent(_message.Message):
    __slots__ = ("body", "link_preview")
    BODY_FIELD_NUMBER: _ClassVar[int]
    LINK_PREVIEW_FIELD_NUMBER: _ClassVar[int]
    body: str
    link_preview: LinkPreview
    def __init__(self, body: _Optional[str] = ..., link_preview: _Optional[_Union[LinkPreview, _Mapping]] = ...) -> None: ...

class LinkPreview(_message.Message):
    __slots__ = ("url", "title", "description", "thumbnail")
    URL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    url: str
    title: str
    description: str
    thumbnail: bytes
    def __init__(self, url: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., thumbnail: _Optional[bytes] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("data", "media_id", "content_type", "size_bytes", "sha256")
    DATA_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    media_id: str
    content_type: str
    size_bytes: int
    sha256: bytes
    def __init__(self, data: _Optional[bytes] = ..., media_id: _Optional[str] = ..., content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class ImageContent(_message.Message):
    __slots__ = ("media", "caption", "width", "height", "thumbnail")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    media: Media
    caption: str
    width: int
    height: int
    thumbnail: bytes
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., caption: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., thumbnail: _Optional[bytes] = ...) -> None: ...

class VideoContent(_message.Message):
    __slots__ = ("media", "caption", "gif_playback", "width", "height", "duration", "thumbnail", "video_note")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    GIF_PLAYBACK_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    VIDEO_NOTE_FIELD_NUMBER: _ClassVar[int]
    media: Media
    caption: str
    gif_playback: bool
    width: int
    height: int
    duration: _duration_pb2.Duration
    thumbnail: bytes
    video_note: bool
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., caption: _Optional[str] = ..., gif_playback: _Optional[bool] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., thumbnail: _Optional[bytes] = ..., video_note: _Optional[bool] = ...) -> None: ...

class AudioContent(_message.Message):
    __slots__ = ("media", "voice", "duration", "waveform")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    WAVEFORM_FIELD_NUMBER: _ClassVar[int]
    media: Media
    voice: bool
    duration: _duration_pb2.Duration
    waveform: bytes
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., voice: _Optional[bool] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., waveform: _Optional[bytes] = ...) -> None: ...

class DocumentContent(_message.Message):
    __slots__ = ("media", "file_name", "caption", "page_count", "thumbnail")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    PAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    media: Media
    file_name: str
    caption: str
    page_count: int
    thumbnail: bytes
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., file_name: _Optional[str] = ..., caption: _Optional[str] = ..., page_count: _Optional[int] = ..., thumbnail: _Optional[bytes] = ...) -> None: ...

class StickerContent(_message.Message):
    __slots__ = ("media", "animated", "width", "height")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    ANIMATED_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    media: Media
    animated: bool
    width: int
    height: int
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., animated: _Optional[bool] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class PollVoteContent(_message.Message):
    __slots__ = ("original", "options", "option_sha256")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    OPTION_SHA256_FIELD_NUMBER: _ClassVar[int]
    original: MessageReference
    options: _containers.RepeatedScalarFieldContainer[str]
    option_sha256: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, original: _Optional[_Union[MessageReference, _Mapping]] = ..., options: _Optional[_Iterable[str]] = ..., option_sha256: _Optional[_Iterable[bytes]] = ...) -> None: ...

class LocationContent(_message.Message):
    __slots__ = ("degrees_latitude", "degrees_longitude", "name", "address", "url", "live")
    DEGREES_LATITUDE_FIELD_NUMBER: _ClassVar[int]
    DEGREES_LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    degrees_latitude: float
    degrees_longitude: float
    name: str
    address: str
    url: str
    live: bool
    def __init__(self, degrees_latitude: _Optional[float] = ..., degrees_longitude: _Optional[float] = ..., name: _Optional[str] = ..., address: _Optional[str] = ..., url: _Optional[str] = ..., live: _Optional[bool] = ...) -> None: ...

class ContactsContent(_message.Message):
    __slots__ = ("cards",)
    CARDS_FIELD_NUMBER: _ClassVar[int]
    cards: _containers.RepeatedCompositeFieldContainer[ContactCard]
    def __init__(self, cards: _Optional[_Iterable[_Union[ContactCard, _Mapping]]] = ...) -> None: ...

class ContactCard(_message.Message):
    __slots__ = ("display_name", "phone_numbers", "vcard")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    VCARD_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    phone_numbers: _containers.RepeatedScalarFieldContainer[str]
    vcard: str
    def __init__(self, display_name: _Optional[str] = ..., phone_numbers: _Optional[_Iterable[str]] = ..., vcard: _Optional[str] = ...) -> None: ...

class PollContent(_message.Message):
    __slots__ = ("name", "options", "selectable_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SELECTABLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    options: _containers.RepeatedScalarFieldContainer[str]
    selectable_count: int
    def __init__(self, name: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., selectable_count: _Optional[int] = ...) -> None: ...

class ReactionContent(_message.Message):
    __slots__ = ("original", "emoji")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    original: MessageReference
    emoji: str
    def __init__(self, original: _Optional[_Union[MessageReference, _Mapping]] = ..., emoji: _Optional[str] = ...) -> None: ...

class EditContent(_message.Message):
    __slots__ = ("original", "body")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    original: MessageReference
    body: str
    def __init__(self, original: _Optional[_Union[MessageReference, _Mapping]] = ..., body: _Optional[str] = ...) -> None: ...

class RevokeContent(_message.Message):
    __slots__ = ("original",)
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    original: MessageReference
    def __init__(self, original: _Optional[_Union[MessageReference, _Mapping]] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("message_id", "tenant_id", "request_id", "recipient_jid", "whatsapp_id", "state", "reason", "content", "create_time", "sent_time", "delivered_time", "read_time", "update_time", "delivery", "expire_time", "allow_duplicate", "attempts", "account", "detail", "undecrypted", "delivered_count", "read_count")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_JID_FIELD_NUMBER: _ClassVar[int]
    WHATSAPP_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_TIME_FIELD_NUMBER: _ClassVar[int]
    READ_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    UNDECRYPTED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_COUNT_FIELD_NUMBER: _ClassVar[int]
    READ_COUNT_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    tenant_id: str
    request_id: str
    recipient_jid: str
    whatsapp_id: str
    state: MessageState
    reason: str
    content: MessageContent
    create_time: _timestamp_pb2.Timestamp
    sent_time: _timestamp_pb2.Timestamp
    delivered_time: _timestamp_pb2.Timestamp
    read_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    delivery: Delivery
    expire_time: _timestamp_pb2.Timestamp
    allow_duplicate: bool
    attempts: int
    account: str
    detail: str
    undecrypted: bool
    delivered_count: int
    read_count: int
    def __init__(self, message_id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., request_id: _Optional[str] = ..., recipient_jid: _Optional[str] = ..., whatsapp_id: _Optional[str] = ..., state: _Optional[_Union[MessageState, str]] = ..., reason: _Optional[str] = ..., content: _Optional[_Union[MessageContent, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delivered_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delivery: _Optional[_Union[Delivery, str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., allow_duplicate: _Optional[bool] = ..., attempts: _Optional[int] = ..., account: _Optional[str] = ..., detail: _Optional[str] = ..., undecrypted: _Optional[bool] = ..., delivered_count: _Optional[int] = ..., read_count: _Optional[int] = ...) -> None: ...

class MessageChange(_message.Message):
    __slots__ = ("create_time", "state", "attempts", "reason", "detail", "undecrypted", "sequence")
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    UNDECRYPTED_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    create_time: _timestamp_pb2.Timestamp
    state: MessageState
    attempts: int
    reason: str
    detail: str
    undecrypted: bool
    sequence: int
    def __init__(self, create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[MessageState, str]] = ..., attempts: _Optional[int] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., undecrypted: _Optional[bool] = ..., sequence: _Optional[int] = ...) -> None: ...

class UndecryptableMessage(_message.Message):
    __slots__ = ("whatsapp_id", "chat_jid", "sender_jid", "sender_number", "push_name", "group", "send_time", "unavailable", "hidden", "from_me")
    WHATSAPP_ID_FIELD_NUMBER: _ClassVar[int]
    CHAT_JID_FIELD_NUMBER: _ClassVar[int]
    SENDER_JID_FIELD_NUMBER: _ClassVar[int]
    SENDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    FROM_ME_FIELD_NUMBER: _ClassVar[int]
    whatsapp_id: str
    chat_jid: str
    sender_jid: str
    sender_number: str
    push_name: str
    group: bool
    send_time: _timestamp_pb2.Timestamp
    unavailable: bool
    hidden: bool
    from_me: bool
    def __init__(self, whatsapp_id: _Optional[str] = ..., chat_jid: _Optional[str] = ..., sender_jid: _Optional[str] = ..., sender_number: _Optional[str] = ..., push_name: _Optional[str] = ..., group: _Optional[bool] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unavailable: _Optional[bool] = ..., hidden: _Optional[bool] = ..., from_me: _Optional[bool] = ...) -> None: ...

class ReceivedMessage(_message.Message):
    __slots__ = ("whatsapp_id", "chat_jid", "sender_jid", "sender_number", "push_name", "from_me", "group", "send_time", "content", "undecoded_kind", "view_once", "ephemeral", "ephemeral_expiration")
    WHATSAPP_ID_FIELD_NUMBER: _ClassVar[int]
    CHAT_JID_FIELD_NUMBER: _ClassVar[int]
    SENDER_JID_FIELD_NUMBER: _ClassVar[int]
    SENDER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_ME_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    UNDECODED_KIND_FIELD_NUMBER: _ClassVar[int]
    VIEW_ONCE_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_EXPIRATION_FIELD_NUMBER: _ClassVar[int]
    whatsapp_id: str
    chat_jid: str
    sender_jid: str
    sender_number: str
    push_name: str
    from_me: bool
    group: bool
    send_time: _timestamp_pb2.Timestamp
    content: MessageContent
    undecoded_kind: str
    view_once: bool
    ephemeral: bool
    ephemeral_expiration: _duration_pb2.Duration
    def __init__(self, whatsapp_id: _Optional[str] = ..., chat_jid: _Optional[str] = ..., sender_jid: _Optional[str] = ..., sender_number: _Optional[str] = ..., push_name: _Optional[str] = ..., from_me: _Optional[bool] = ..., group: _Optional[bool] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., content: _Optional[_Union[MessageContent, _Mapping]] = ..., undecoded_kind: _Optional[str] = ..., view_once: _Optional[bool] = ..., ephemeral: _Optional[bool] = ..., ephemeral_expiration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
