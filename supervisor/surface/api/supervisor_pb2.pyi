import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ServiceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERVICE_STATE_UNSPECIFIED: _ClassVar[ServiceState]
    SERVICE_STATE_ABSENT: _ClassVar[ServiceState]
    SERVICE_STATE_STARTING: _ClassVar[ServiceState]
    SERVICE_STATE_RUNNING: _ClassVar[ServiceState]
    SERVICE_STATE_DEGRADED: _ClassVar[ServiceState]
    SERVICE_STATE_FAILED: _ClassVar[ServiceState]
    SERVICE_STATE_STOPPED: _ClassVar[ServiceState]
    SERVICE_STATE_OVERLOADED: _ClassVar[ServiceState]
SERVICE_STATE_UNSPECIFIED: ServiceState
SERVICE_STATE_ABSENT: ServiceState
SERVICE_STATE_STARTING: ServiceState
SERVICE_STATE_RUNNING: ServiceState
SERVICE_STATE_DEGRADED: ServiceState
SERVICE_STATE_FAILED: ServiceState
SERVICE_STATE_STOPPED: ServiceState
SERVICE_STATE_OVERLOADED: ServiceState

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SupervisorStatus(_message.Message):
    __slots__ = ("version", "pid", "started", "engine", "engine_version", "ready", "message", "bundle", "services", "secrets")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_VERSION_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    started: _timestamp_pb2.Timestamp
    engine: str
    engine_version: str
    ready: bool
    message: str
    bundle: Bundle
    services: _containers.RepeatedCompositeFieldContainer[ServiceStatus]
    secrets: SecretsStatus
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., engine: _Optional[str] = ..., engine_version: _Optional[str] = ..., ready: _Optional[bool] = ..., message: _Optional[str] = ..., bundle: _Optional[_Union[Bundle, _Mapping]] = ..., services: _Optional[_Iterable[_Union[ServiceStatus, _Mapping]]] = ..., secrets: _Optional[_Union[SecretsStatus, _Mapping]] = ...) -> None: ...

class SecretsStatus(_message.Message):
    __slots__ = ("source", "place", "encrypted", "key", "former", "pending", "message")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    ENCRYPTED_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    FORMER_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    source: str
    place: str
    encrypted: bool
    key: str
    former: _containers.RepeatedScalarFieldContainer[str]
    pending: str
    message: str
    def __init__(self, source: _Optional[str] = ..., place: _Optional[str] = ..., encrypted: _Optional[bool] = ..., key: _Optional[str] = ..., former: _Optional[_Iterable[str]] = ..., pending: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ServiceStatus(_message.Message):
    __slots__ = ("name", "state", "ready", "version", "generation", "image", "since", "restarts", "handover", "draining", "desired_version", "pinned", "message", "memory_bytes", "cpu_seconds", "undertakings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    HANDOVER_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    DESIRED_VERSION_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    UNDERTAKINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: ServiceState
    ready: bool
    version: str
    generation: int
    image: str
    since: _timestamp_pb2.Timestamp
    restarts: int
    handover: HandoverStatus
    draining: _containers.RepeatedCompositeFieldContainer[DrainingStatus]
    desired_version: str
    pinned: bool
    message: str
    memory_bytes: int
    cpu_seconds: float
    undertakings: _containers.RepeatedCompositeFieldContainer[UndertakingStatus]
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[ServiceState, str]] = ..., ready: _Optional[bool] = ..., version: _Optional[str] = ..., generation: _Optional[int] = ..., image: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., restarts: _Optional[int] = ..., handover: _Optional[_Union[HandoverStatus, _Mapping]] = ..., draining: _Optional[_Iterable[_Union[DrainingStatus, _Mapping]]] = ..., desired_version: _Optional[str] = ..., pinned: _Optional[bool] = ..., message: _Optional[str] = ..., memory_bytes: _Optional[int] = ..., cpu_seconds: _Optional[float] = ..., undertakings: _Optional[_Iterable[_Union[UndertakingStatus, _Mapping]]] = ...) -> None: ...

class UndertakingStatus(_message.Message):
    __slots__ = ("name", "what", "state", "since", "calls", "associations", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    what: str
    state: str
    since: _timestamp_pb2.Timestamp
    calls: int
    associations: int
    message: str
    def __init__(self, name: _Optional[str] = ..., what: _Optional[str] = ..., state: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., calls: _Optional[int] = ..., associations: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class HandoverStatus(_message.Message):
    __slots__ = ("id", "kind", "phase", "direction", "from_version", "to_version", "generation", "started", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    phase: str
    direction: str
    from_version: str
    to_version: str
    generation: int
    started: _timestamp_pb2.Timestamp
    message: str
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., phase: _Optional[str] = ..., direction: _Optional[str] = ..., from_version: _Optional[str] = ..., to_version: _Optional[str] = ..., generation: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message: _Optional[str] = ...) -> None: ...

class DrainingStatus(_message.Message):
    __slots__ = ("generation", "version", "connections", "deadline")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    generation: int
    version: str
    connections: int
    deadline: _timestamp_pb2.Timestamp
    def __init__(self, generation: _Optional[int] = ..., version: _Optional[str] = ..., connections: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("service", "phase", "message", "fraction", "elapsed_seconds", "final", "error", "part")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    service: str
    phase: str
    message: str
    fraction: float
    elapsed_seconds: float
    final: bool
    error: str
    part: str
    def __init__(self, service: _Optional[str] = ..., phase: _Optional[str] = ..., message: _Optional[str] = ..., fraction: _Optional[float] = ..., elapsed_seconds: _Optional[float] = ..., final: _Optional[bool] = ..., error: _Optional[str] = ..., part: _Optional[str] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("release",)
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    release: str
    def __init__(self, release: _Optional[str] = ...) -> None: ...

class PlanResponse(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[PlannedStep]
    def __init__(self, steps: _Optional[_Iterable[_Union[PlannedStep, _Mapping]]] = ...) -> None: ...

class PlannedStep(_message.Message):
    __slots__ = ("service", "action", "from_version", "to_version", "reason")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    service: str
    action: str
    from_version: str
    to_version: str
    reason: str
    def __init__(self, service: _Optional[str] = ..., action: _Optional[str] = ..., from_version: _Optional[str] = ..., to_version: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SwapRequest(_message.Message):
    __slots__ = ("service", "version", "wait", "no_soak", "force", "asked_by")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    NO_SOAK_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ASKED_BY_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: str
    wait: bool
    no_soak: bool
    force: bool
    asked_by: str
    def __init__(self, service: _Optional[str] = ..., version: _Optional[str] = ..., wait: _Optional[bool] = ..., no_soak: _Optional[bool] = ..., force: _Optional[bool] = ..., asked_by: _Optional[str] = ...) -> None: ...

class UpgradeRequest(_message.Message):
    __slots__ = ("release", "wait")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    release: str
    wait: bool
    def __init__(self, release: _Optional[str] = ..., wait: _Optional[bool] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("service", "wait")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    service: str
    wait: bool
    def __init__(self, service: _Optional[str] = ..., wait: _Optional[bool] = ...) -> None: ...

class RestartRequest(_message.Message):
    __slots__ = ("service", "wait")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    service: str
    wait: bool
    def __init__(self, service: _Optional[str] = ..., wait: _Optional[bool] = ...) -> None: ...

class MigrateEngineRequest(_message.Message):
    __slots__ = ("to", "wait")
    TO_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    to: str
    wait: bool
    def __init__(self, to: _Optional[str] = ..., wait: _Optional[bool] = ...) -> None: ...

class ConfirmRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class ConfirmResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PinRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class PinResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnpinRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class UnpinResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHistoryRequest(_message.Message):
    __slots__ = ("service", "limit")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    service: str
    limit: int
    def __init__(self, service: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListHistoryResponse(_message.Message):
    __slots__ = ("handovers",)
    HANDOVERS_FIELD_NUMBER: _ClassVar[int]
    handovers: _containers.RepeatedCompositeFieldContainer[HandoverRecord]
    def __init__(self, handovers: _Optional[_Iterable[_Union[HandoverRecord, _Mapping]]] = ...) -> None: ...

class HandoverRecord(_message.Message):
    __slots__ = ("id", "service", "kind", "from_version", "to_version", "generation", "started", "finished", "outcome", "reason", "seconds_to_cutover", "phases", "waived")
    ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SECONDS_TO_CUTOVER_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    WAIVED_FIELD_NUMBER: _ClassVar[int]
    id: int
    service: str
    kind: str
    from_version: str
    to_version: str
    generation: int
    started: _timestamp_pb2.Timestamp
    finished: _timestamp_pb2.Timestamp
    outcome: str
    reason: str
    seconds_to_cutover: float
    phases: _containers.RepeatedCompositeFieldContainer[Phase]
    waived: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[int] = ..., service: _Optional[str] = ..., kind: _Optional[str] = ..., from_version: _Optional[str] = ..., to_version: _Optional[str] = ..., generation: _Optional[int] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ..., reason: _Optional[str] = ..., seconds_to_cutover: _Optional[float] = ..., phases: _Optional[_Iterable[_Union[Phase, _Mapping]]] = ..., waived: _Optional[_Iterable[str]] = ...) -> None: ...

class Phase(_message.Message):
    __slots__ = ("name", "seconds")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    seconds: float
    def __init__(self, name: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class Bundle(_message.Message):
    __slots__ = ("release", "created", "source", "verified", "current", "services", "signed_by", "doubt")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    SIGNED_BY_FIELD_NUMBER: _ClassVar[int]
    DOUBT_FIELD_NUMBER: _ClassVar[int]
    release: str
    created: str
    source: str
    verified: bool
    current: bool
    services: _containers.RepeatedCompositeFieldContainer[BundledService]
    signed_by: _containers.RepeatedScalarFieldContainer[str]
    doubt: str
    def __init__(self, release: _Optional[str] = ..., created: _Optional[str] = ..., source: _Optional[str] = ..., verified: _Optional[bool] = ..., current: _Optional[bool] = ..., services: _Optional[_Iterable[_Union[BundledService, _Mapping]]] = ..., signed_by: _Optional[_Iterable[str]] = ..., doubt: _Optional[str] = ...) -> None: ...

class BundledService(_message.Message):
    __slots__ = ("name", "version", "image")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    image: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., image: _Optional[str] = ...) -> None: ...

class ListBundlesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListBundlesResponse(_message.Message):
    __slots__ = ("bundles",)
    BUNDLES_FIELD_NUMBER: _ClassVar[int]
    bundles: _containers.RepeatedCompositeFieldContainer[Bundle]
    def __init__(self, bundles: _Optional[_Iterable[_Union[Bundle, _Mapping]]] = ...) -> None: ...

class VerifyBundleRequest(_message.Message):
    __slots__ = ("path", "allow_downgrade", "accept_clock")
    PATH_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DOWNGRADE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_CLOCK_FIELD_NUMBER: _ClassVar[int]
    path: str
    allow_downgrade: bool
    accept_clock: bool
    def __init__(self, path: _Optional[str] = ..., allow_downgrade: _Optional[bool] = ..., accept_clock: _Optional[bool] = ...) -> None: ...

class ImportBundleRequest(_message.Message):
    __slots__ = ("path", "allow_downgrade", "accept_clock")
    PATH_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DOWNGRADE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_CLOCK_FIELD_NUMBER: _ClassVar[int]
    path: str
    allow_downgrade: bool
    accept_clock: bool
    def __init__(self, path: _Optional[str] = ..., allow_downgrade: _Optional[bool] = ..., accept_clock: _Optional[bool] = ...) -> None: ...

class PruneBundlesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PruneBundlesResponse(_message.Message):
    __slots__ = ("releases",)
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    releases: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, releases: _Optional[_Iterable[str]] = ...) -> None: ...

class ReadSbomsRequest(_message.Message):
    __slots__ = ("release",)
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    release: str
    def __init__(self, release: _Optional[str] = ...) -> None: ...

class ServiceSbom(_message.Message):
    __slots__ = ("service", "version", "image", "document")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: str
    image: str
    document: str
    def __init__(self, service: _Optional[str] = ..., version: _Optional[str] = ..., image: _Optional[str] = ..., document: _Optional[str] = ...) -> None: ...

class DiffBundlesRequest(_message.Message):
    __slots__ = ("former", "later")
    FORMER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    former: str
    later: str
    def __init__(self, former: _Optional[str] = ..., later: _Optional[str] = ...) -> None: ...

class DiffBundlesResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[PackageChange]
    def __init__(self, changes: _Optional[_Iterable[_Union[PackageChange, _Mapping]]] = ...) -> None: ...

class PackageChange(_message.Message):
    __slots__ = ("package", "former", "later", "services", "fixed", "reopened")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    FORMER_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    REOPENED_FIELD_NUMBER: _ClassVar[int]
    package: str
    former: str
    later: str
    services: _containers.RepeatedScalarFieldContainer[str]
    fixed: _containers.RepeatedScalarFieldContainer[str]
    reopened: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, package: _Optional[str] = ..., former: _Optional[str] = ..., later: _Optional[str] = ..., services: _Optional[_Iterable[str]] = ..., fixed: _Optional[_Iterable[str]] = ..., reopened: _Optional[_Iterable[str]] = ...) -> None: ...

class FindPackageRequest(_message.Message):
    __slots__ = ("package",)
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    package: str
    def __init__(self, package: _Optional[str] = ...) -> None: ...

class FindPackageResponse(_message.Message):
    __slots__ = ("packages",)
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    packages: _containers.RepeatedCompositeFieldContainer[ContainedPackage]
    def __init__(self, packages: _Optional[_Iterable[_Union[ContainedPackage, _Mapping]]] = ...) -> None: ...

class ContainedPackage(_message.Message):
    __slots__ = ("service", "version", "generation", "state", "package", "package_version")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: str
    generation: int
    state: str
    package: str
    package_version: str
    def __init__(self, service: _Optional[str] = ..., version: _Optional[str] = ..., generation: _Optional[int] = ..., state: _Optional[str] = ..., package: _Optional[str] = ..., package_version: _Optional[str] = ...) -> None: ...

class TrustStatus(_message.Message):
    __slots__ = ("root", "root_threshold", "release_threshold", "expires", "minimum_release", "keys", "message")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    ROOT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    RELEASE_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_RELEASE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    root: int
    root_threshold: int
    release_threshold: int
    expires: _timestamp_pb2.Timestamp
    minimum_release: str
    keys: _containers.RepeatedCompositeFieldContainer[TrustKey]
    message: str
    def __init__(self, root: _Optional[int] = ..., root_threshold: _Optional[int] = ..., release_threshold: _Optional[int] = ..., expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., minimum_release: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[TrustKey, _Mapping]]] = ..., message: _Optional[str] = ...) -> None: ...

class TrustKey(_message.Message):
    __slots__ = ("id", "name", "roles", "revoked", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    revoked: bool
    reason: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., revoked: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class GetTrustRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RotateTrustRequest(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class RevokeKeyRequest(_message.Message):
    __slots__ = ("key", "reason")
    KEY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    key: str
    reason: str
    def __init__(self, key: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ConfigFile(_message.Message):
    __slots__ = ("name", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: bytes
    def __init__(self, name: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class GetConfigRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetConfigResponse(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: str
    def __init__(self, json: _Optional[str] = ...) -> None: ...

class ApplyConfigRequest(_message.Message):
    __slots__ = ("files", "wait", "timeout_seconds")
    FILES_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[ConfigFile]
    wait: bool
    timeout_seconds: float
    def __init__(self, files: _Optional[_Iterable[_Union[ConfigFile, _Mapping]]] = ..., wait: _Optional[bool] = ..., timeout_seconds: _Optional[float] = ...) -> None: ...

class DiffConfigRequest(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[ConfigFile]
    def __init__(self, files: _Optional[_Iterable[_Union[ConfigFile, _Mapping]]] = ...) -> None: ...

class DiffConfigResponse(_message.Message):
    __slots__ = ("diff",)
    DIFF_FIELD_NUMBER: _ClassVar[int]
    diff: str
    def __init__(self, diff: _Optional[str] = ...) -> None: ...

class RotateSecretsRequest(_message.Message):
    __slots__ = ("wait",)
    WAIT_FIELD_NUMBER: _ClassVar[int]
    wait: bool
    def __init__(self, wait: _Optional[bool] = ...) -> None: ...

class AbandonSecretsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AbandonSecretsResponse(_message.Message):
    __slots__ = ("place",)
    PLACE_FIELD_NUMBER: _ClassVar[int]
    place: str
    def __init__(self, place: _Optional[str] = ...) -> None: ...

class ReadLogsRequest(_message.Message):
    __slots__ = ("service", "tail", "follow")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    service: str
    tail: int
    follow: bool
    def __init__(self, service: _Optional[str] = ..., tail: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ReadEventsRequest(_message.Message):
    __slots__ = ("follow",)
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    follow: bool
    def __init__(self, follow: _Optional[bool] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("time", "service", "name", "message")
    TIME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    service: str
    name: str
    message: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., service: _Optional[str] = ..., name: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
