"""Everything a user can get wrong, one class per cause.

A message says what is wrong, where, and how to mend it, in one line. The command line prints it and
exits with status 2; a notebook shows it as the last line of the traceback.

Road: beside it, under everything.
"""


class NmsynthError(Exception):
    """Base of all errors that the input, not the code, is to blame for."""


class NotMidiError(NmsynthError):
    """The file is missing, empty, or not a Standard MIDI File."""


class NoNotesError(NmsynthError):
    """A MIDI file or performance without a note to play."""


class OverlapError(NmsynthError):
    """Two notes sound together for longer than a monophonic instrument can hide."""


class SeveralInstrumentsError(NmsynthError):
    """More than one instrument track: which one is the guitar?"""


class DrumsError(NmsynthError):
    """The only track is a drum track, which has no pitch."""


class ControlRangeError(NmsynthError):
    """A pitch, velocity, controller number or value outside the MIDI range."""


class AudioFileError(NmsynthError):
    """The audio file is missing, unreadable, or holds no sound."""


class RecordingError(NmsynthError):
    """A folder of takes that cannot be trained on."""


class UploadError(NmsynthError):
    """An uploaded file cannot be taken: wrong kind, too large, or a damaged zip."""


class SharingError(NmsynthError):
    """An instrument that cannot be packed as it is, or a zip that cannot be taken in."""


class SchemaError(NmsynthError):
    """`instrument.yaml` is missing, unreadable, or says something impossible."""


class WeightsError(NmsynthError):
    """Weights are missing, damaged, or belong to another architecture."""


class InstrumentNotFoundError(NmsynthError):
    """No instrument of that name or in that folder."""


class OutputError(NmsynthError):
    """A result could not be written: folder missing, not permitted, or disk full."""


class ToolMissingError(NmsynthError):
    """A program or sound font that this one function needs is not installed."""


class TrainingStateError(NmsynthError):
    """There is nothing to resume, or what is there belongs to other data or settings."""


class UnknownPhraseError(NmsynthError):
    """A panel was asked for a phrase that its menu does not have."""


class DownloadError(NmsynthError):
    """Something that a command was to fetch did not come; what did come is kept."""


class OfflineError(DownloadError):
    """No connection, or one that breaks off again and again."""


class NotFoundOnlineError(DownloadError):
    """Its owner has removed what was to be fetched."""


class NotPublicError(DownloadError):
    """It asks for a login, or is not handed out to everyone."""


class DriveQuotaError(DownloadError):
    """Fetched by so many people that Google Drive refuses for a while."""


class WorkersError(NmsynthError):
    """Several workers cannot train together: one was lost, did not come, or has no equal share."""


class QuizError(NmsynthError):
    """A question without a right answer or an explanation, or a name that no question has."""


class SettingError(NmsynthError):
    """A setting that cannot be read, or that the instrument or the widget cannot play."""
