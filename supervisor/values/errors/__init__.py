"""Every error the supervisor raises on purpose.

    SupervisorError
    ├── BundleError           the medium, its index, its signature or its files
    │   ├── NotABundleError
    │   ├── NoMediumError
    │   ├── TruncatedBundleError
    │   ├── UnsignedBundleError
    │   ├── UntrustedBundleError
    │   ├── TrustError        who signed, by what root, when
    │   │   ├── UnsafeKeysError
    │   │   ├── UntrustedRootError
    │   │   │   └── RootGapError
    │   │   ├── TooFewSignaturesError
    │   │   ├── ExpiredError
    │   │   ├── BelowFloorError
    │   │   ├── ClockBehindError
    │   │   ├── OtherContentError
    │   │   └── DoubtedReleaseError
    │   ├── InvalidIndexError
    │   ├── UnsupportedFormatError
    │   ├── OtherArchitectureError
    │   ├── SupervisorTooOldError
    │   ├── DigestMismatchError
    │   ├── LayerRefusedError
    │   ├── MissingFileError
    │   ├── UnlistedFileError
    │   ├── MissingBaseError
    │   ├── SbomError             a bill of materials is not that of its image
    │   └── BundleBuildError      the inputs of a new bundle do not fit together
    ├── FaultsError
    │   ├── ManifestError     a service's declaration, with all faults and their paths
    │   │   └── OverCeilingError  it asks for more than this router's settings allow
    │   └── SettingsError     the daemon's own configuration file
    ├── ConfigurationError    the router's configuration, from whichever source
    ├── RenderError           a template that cannot be turned into a file
    ├── HandoverError         a step of a hand-over cannot be completed
    │   ├── CheckFailedError
    │   ├── CandidateEndedError
    │   ├── CandidateNotReadyError
    │   └── ReloadFailedError
    ├── EngineError           the container engine
    │   ├── EngineUnavailableError
    │   │   └── EngineDownError   it is installed, not ours to start, and does not answer yet
    │   ├── NoSuchContainerError
    │   ├── NoSuchImageError
    │   └── NameTakenError
    ├── NetworkError          namespaces, nftables, conntrack
    ├── ProbeError            a probe that cannot be carried out at all (not one that fails)
    ├── StateError            the store
    │   ├── StateLockedError
    │   ├── SecretKeyError    what is stored encrypted cannot be read or written without its key
    │   └── NoSpaceError      a disk is full: the request is carried out when it is not
    ├── NotRootError
    ├── TeardownError
    └── RequestError          the request of an operator cannot be carried out
        ├── UnknownServiceError
        ├── UnknownVersionError
        ├── UnknownReleaseError
        └── BusyError

A message starts with "cannot", names the object and ends with the cause. Programs match on the `word` of a class, which
is the API's `vr-reason`: it stays when the class gets another name.
"""

from supervisor.values.errors.base import (
    Fault,
    SupervisorError,
)
from supervisor.values.errors.bundle import (
    BelowFloorError,
    BundleBuildError,
    BundleError,
    ClockBehindError,
    DigestMismatchError,
    DoubtedReleaseError,
    ExpiredError,
    InvalidIndexError,
    LayerRefusedError,
    MissingBaseError,
    MissingFileError,
    NoMediumError,
    NotABundleError,
    OtherArchitectureError,
    OtherContentError,
    RootGapError,
    SbomError,
    SupervisorTooOldError,
    TooFewSignaturesError,
    TruncatedBundleError,
    TrustError,
    UnlistedFileError,
    UnsafeKeysError,
    UnsignedBundleError,
    UnsupportedFormatError,
    UntrustedBundleError,
    UntrustedRootError,
)
from supervisor.values.errors.document import (
    ConfigurationError,
    FaultsError,
    ManifestError,
    OverCeilingError,
    RenderError,
    SettingsError,
)
from supervisor.values.errors.handover import (
    CandidateEndedError,
    CandidateNotReadyError,
    CheckFailedError,
    HandoverError,
    ReloadFailedError,
)
from supervisor.values.errors.machine import (
    EngineDownError,
    EngineError,
    EngineUnavailableError,
    NameTakenError,
    NetworkError,
    NoSpaceError,
    NoSuchContainerError,
    NoSuchImageError,
    NotRootError,
    ProbeError,
    SecretKeyError,
    StateError,
    StateLockedError,
    TeardownError,
)
from supervisor.values.errors.request import (
    BusyError,
    RequestError,
    UnknownReleaseError,
    UnknownServiceError,
    UnknownVersionError,
)

__all__ = [
    "BelowFloorError",
    "BundleBuildError",
    "BundleError",
    "BusyError",
    "CandidateEndedError",
    "CandidateNotReadyError",
    "CheckFailedError",
    "ClockBehindError",
    "ConfigurationError",
    "DigestMismatchError",
    "DoubtedReleaseError",
    "EngineDownError",
    "EngineError",
    "EngineUnavailableError",
    "ExpiredError",
    "Fault",
    "FaultsError",
    "HandoverError",
    "InvalidIndexError",
    "LayerRefusedError",
    "ManifestError",
    "MissingBaseError",
    "MissingFileError",
    "NameTakenError",
    "NetworkError",
    "NoMediumError",
    "NoSpaceError",
    "NoSuchContainerError",
    "NoSuchImageError",
    "NotABundleError",
    "NotRootError",
    "OtherArchitectureError",
    "OtherContentError",
    "OverCeilingError",
    "ProbeError",
    "ReloadFailedError",
    "RenderError",
    "RequestError",
    "RootGapError",
    "SbomError",
    "SecretKeyError",
    "SettingsError",
    "StateError",
    "StateLockedError",
    "SupervisorError",
    "SupervisorTooOldError",
    "TeardownError",
    "TooFewSignaturesError",
    "TruncatedBundleError",
    "TrustError",
    "UnknownReleaseError",
    "UnknownServiceError",
    "UnknownVersionError",
    "UnlistedFileError",
    "UnsafeKeysError",
    "UnsignedBundleError",
    "UnsupportedFormatError",
    "UntrustedBundleError",
    "UntrustedRootError",
]
