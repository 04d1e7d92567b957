"""Storage errors: what a disk or an object store refuses, as a sentence; what may pass is tried again.

A file that is missing is an answer, not a failure, and is left to the caller. Every other failure of the place itself
becomes a StorageUnavailableError that says what was being done, where, what was answered and the cure. Errors of object
stores are told by their code (S3's error responses), else by their HTTP status, and by the names of botocore's
exceptions, since `corpus` imports neither; the errno that s3fs makes of them says nothing.
"""

import errno
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from corpus.errors import StorageUnavailableError

T = TypeVar("T")

RETRY_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""How long to wait before each further attempt at what may pass; s3fs and botocore have tried several times before."""

_AGAIN = "then give the same command again: what is finished is kept"
_SERVER = "look at the disk, its server and its mount"
_REFUSALS = {
    errno.ENOSPC: ("the disk is full", f"free space there, {_AGAIN}"),
    errno.EDQUOT: ("the disk quota is used up", f"free space there or raise the quota, {_AGAIN}"),
    errno.EROFS: ("the file system is mounted read-only", f"mount it writable or name another place, {_AGAIN}"),
    errno.EACCES: ("permission is denied", "give this user the right to read and write there"),
    errno.EPERM: ("permission is denied", "give this user the right to read and write there"),
    errno.EIO: ("the disk reports an input/output error", _SERVER),
    errno.ENOTCONN: ("the mount has lost its connection", _SERVER),
    errno.ENODEV: ("the device is gone", _SERVER),
    errno.EMFILE: ("this process has too many files open", "raise the limit with `ulimit -n`"),
    errno.ENFILE: ("the machine has too many files open", "raise the limit fs.file-max"),
    errno.ENAMETOOLONG: ("the path is too long for the file system", "name a shorter path"),
}
_PASSING = {
    errno.EAGAIN: "the disk is busy",
    errno.EBUSY: "the storage is busy",
    errno.ESTALE: "the network file system has lost the file's handle",
    errno.ETIMEDOUT: "the storage does not answer in time",
    errno.EHOSTDOWN: "the storage's host is down",
    errno.EREMOTEIO: "the storage's server has an error",
}

_RIGHTS = "give the credentials the right to list, read, write and delete there"
_REGION = "set AWS_DEFAULT_REGION to the bucket's region, and AWS_ENDPOINT_URL to its endpoint if it is not Amazon's"
_KEYS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_PROFILE"
_RENEW = f"get new ones, {_AGAIN}"
_CODES = {
    "AccessDenied": ("access is denied", _RIGHTS),
    "AllAccessDisabled": ("access is denied", _RIGHTS),
    "403": ("access is denied", f"{_RIGHTS}, and check that they have not expired"),
    "ExpiredToken": ("the credentials have expired", _RENEW),
    "ExpiredTokenException": ("the credentials have expired", _RENEW),
    "TokenRefreshRequired": ("the credentials have expired", _RENEW),
    "InvalidToken": ("the session token is not valid", "check AWS_SESSION_TOKEN"),
    "InvalidAccessKeyId": ("the access key is not known", _KEYS),
    "SignatureDoesNotMatch": ("the secret key does not fit the access key", _KEYS),
    "NoSuchBucket": ("there is no such bucket", "create it, or correct `storage`"),
    "InvalidBucketName": ("that is not a bucket's name", "correct `storage`"),
    "PermanentRedirect": ("the bucket is at another endpoint or in another region", _REGION),
    "301": ("the bucket is at another endpoint or in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "IllegalLocationConstraintException": ("the bucket is in another region", _REGION),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set it by NTP"),
    "400": ("the request is refused", "check that the credentials have not expired, and AWS_DEFAULT_REGION"),
    "AccountProblem": ("the account has a problem", "see what its provider says of it"),
    "InvalidObjectState": ("the object is in an archive", "restore it, or have the bucket keep it at hand"),
    "XMinioStorageFull": ("the object store is full", f"free space there, {_AGAIN}"),
    "InsufficientCapacity": ("the object store is full", f"free space there, {_AGAIN}"),
    "QuotaExceeded": ("the quota of the bucket is used up", f"raise it, {_AGAIN}"),
}
_PASSING_CODES = {
    "SlowDown": "it asks to slow down",
    "SlowDownRead": "it asks to slow down",
    "SlowDownWrite": "it asks to slow down",
    "Throttling": "it asks to slow down",
    "ThrottlingException": "it asks to slow down",
    "ThrottledException": "it asks to slow down",
    "RequestThrottled": "it asks to slow down",
    "RequestLimitExceeded": "it asks to slow down",
    "BandwidthLimitExceeded": "it asks to slow down",
    "503": "it asks to slow down",
    "ServiceUnavailable": "it asks to slow down",
    "TooManyRequests": "it asks to slow down",
    "429": "it asks to slow down",
    "RequestTimeout": "it gave up waiting",
    "OperationAborted": "another operation is under way",
    "ConditionalRequestConflict": "another operation is under way",
    "409": "another operation is under way",
    "XMinioServerNotInitialized": "its server is still starting",
    "InternalError": "its server has an error",
    "InternalFailure": "its server has an error",
    "500": "its server has an error",
    "502": "its server has an error",
    "504": "its server does not answer in time",
}
_FULL_STATUS = 507
_MISSING = {"NoSuchKey", "NoSuchVersion", "404"}
_MESSAGE_MAX = 200
_NO_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, on every machine that takes part"
_EXCEPTIONS = {
    "NoCredentialsError": ("there are no credentials on this machine", _NO_KEYS),
    "PartialCredentialsError": ("the credentials on this machine lack a part", _NO_KEYS),
    "CredentialRetrievalError": ("the credentials cannot be fetched", _NO_KEYS),
    "ProfileNotFound": ("AWS_PROFILE names no profile of this machine", _NO_KEYS),
    "TokenRetrievalError": ("the credentials have expired", _RENEW),
    "UnauthorizedSSOTokenError": ("the credentials have expired", _RENEW),
    "SSOError": ("the credentials cannot be fetched", "log in with `aws sso login` on every machine that takes part"),
    "NoRegionError": ("no region is set", _REGION),
    "InvalidRegionError": ("that is not a region", _REGION),
    "ParamValidationError": ("that is not a bucket's name", "correct `storage`"),
    "SSLError": ("its certificate is not trusted", "check AWS_ENDPOINT_URL and AWS_CA_BUNDLE"),
    "RecursionError": ("it redirects in a circle", _REGION),  # botocore follows a redirect that names no region
    "ResponseParserError": ("it does not answer as S3 does", "check AWS_ENDPOINT_URL"),
}
_PASSING_EXCEPTIONS = {
    "ConnectTimeoutError": "it does not answer in time",
    "ReadTimeoutError": "it does not answer in time",
    "FSTimeoutError": "it does not answer in time",
    "EndpointConnectionError": "no server answers",
    "HTTPClientError": "the connection was cut off",
    "ClientPayloadError": "the connection was cut off",
    "IncompleteReadError": "the connection was cut off",
    "ConnectionError": "the connection was cut off",
}
_UNANSWERED = "check the network, AWS_ENDPOINT_URL and whether its server runs, " + _AGAIN
_ABSENT = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)

_logger = logging.getLogger(__name__)
_said: set[tuple[str, str]] = set()


class Failure(NamedTuple):
    """What a place answered, the cure, and whether it may pass by itself."""

    answer: str
    cure: str
    may_pass: bool


def failure_of(error: BaseException) -> Failure | None:
    """Return what an error says of the storage; None where it says nothing, such as of a file that is missing."""
    chain = list(_chain(error))
    responses = [response for response in map(_response, chain) if response is not None]
    for response in responses:
        if response.code in _CODES:
            answer, cure = _CODES[response.code]
            return Failure(f"{answer} ({response})", cure, may_pass=False)
        if response.code in _PASSING_CODES:
            return Failure(f"{_PASSING_CODES[response.code]} ({response})", f"wait, {_AGAIN}", may_pass=True)
    if isinstance(error, _ABSENT):
        return None
    for response in responses:
        return _failure_by_status(response)
    for one in chain:
        for name in (kind.__name__ for kind in type(one).__mro__):
            if name in _EXCEPTIONS:
                return Failure(*_EXCEPTIONS[name], may_pass=False)
            if name in _PASSING_EXCEPTIONS:
                return Failure(_PASSING_EXCEPTIONS[name], _UNANSWERED, may_pass=True)
        if "BotoCoreError" in (kind.__name__ for kind in type(one).__mro__):
            text = " ".join(str(one).split())[:_MESSAGE_MAX]
            return Failure(f"{type(one).__name__}: {text}", f"check the AWS settings of this machine, {_AGAIN}", False)
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in _PASSING:
            return Failure(_PASSING[error.errno], f"{_SERVER}, {_AGAIN}", may_pass=True)
        if error.errno in _REFUSALS:
            return Failure(*_REFUSALS[error.errno], may_pass=False)
        return Failure(str(error), _SERVER, may_pass=False)
    if isinstance(error, ImportError):
        return Failure(
            f"a package is missing ({error})", "install the extras curate and s3 on every machine", may_pass=False
        )
    return None


def unavailable(place: str, error: BaseException) -> StorageUnavailableError | None:
    """Return the sentence for an error of the storage at `place`, None where it says nothing of the storage."""
    failure = failure_of(error)
    return None if failure is None else StorageUnavailableError(f"{place}: {failure.answer}; {failure.cure}")


def attempted(place: str, act: Callable[[], T], *, is_patient: bool = True) -> T:
    """Return what `act` returns; try again, with growing pauses, while it fails in a way that may pass.

    `place`: what is read or written. `is_patient`: False for one attempt. Each kind of answer is said once a process.
    Raises StorageUnavailableError for a failure of the storage, and everything else as it is.
    """
    pauses_s = RETRY_PAUSES_S if is_patient else ()
    for pause_s in (*pauses_s, None):
        try:
            return act()
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            if pause_s is None or not failure.may_pass:
                raise StorageUnavailableError(f"{place}: {failure.answer}; {failure.cure}") from error
        _say_once(place, failure)
        time.sleep(pause_s)
    raise AssertionError("the last attempt returns or raises")


def _say_once(place: str, failure: Failure) -> None:
    key = (place.partition(" ")[0], failure.answer.partition(" (")[0])  # without the message, which may name a file
    if key not in _said:
        _said.add(key)
        _logger.warning("%s: %s; trying again up to %d times", place, failure.answer, len(RETRY_PAUSES_S))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it; s3fs keeps botocore's error as the cause of its own."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


class _Response(NamedTuple):
    """What an S3 error response says."""

    code: str
    message: str
    status: int

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message not in ("", self.code) else self.code


def _response(error: BaseException) -> _Response | None:
    """Return the error response of botocore's ClientError, None for any other error."""
    response: Any = getattr(error, "response", None)
    answer = response.get("Error") if isinstance(response, dict) else None
    if not isinstance(answer, dict):
        return None
    metadata = response.get("ResponseMetadata")
    status = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    code = str(answer.get("Code") or status or "without a code")
    if not isinstance(status, int):
        status = int(code) if code.isdecimal() else 0
    return _Response(code, " ".join(str(answer.get("Message") or "").split())[:_MESSAGE_MAX], status)


def _failure_by_status(response: _Response) -> Failure | None:
    """Return what a response with an unknown code says; None where it says that a file is missing."""
    if response.code in _MISSING:
        return None
    if response.status == _FULL_STATUS:
        return Failure(f"the object store is full ({response})", f"free space there, {_AGAIN}", may_pass=False)
    if (answer := _PASSING_CODES.get(str(response.status))) is not None:
        return Failure(f"{answer} ({response})", f"wait, {_AGAIN}", may_pass=True)
    status = f"HTTP {response.status}, " if response.status else ""
    return Failure(
        f"the request is refused ({status}{response})", f"see what the service says, {_AGAIN}", may_pass=False
    )
