"""The committed code of the API says what the .proto says; `make proto` writes it anew."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from supervisor.surface.api.supervisor_pb2 import DESCRIPTOR

ROOT = Path(__file__).parents[4]


def test_generated_code_is_current(tmp_path: Path) -> None:
    out = tmp_path / "set"
    arguments = ["", f"-I{ROOT}", f"-I{files('grpc_tools') / '_proto'}", f"--descriptor_set_out={out}", DESCRIPTOR.name]
    assert protoc.main(arguments) == 0
    (written,) = FileDescriptorSet.FromString(out.read_bytes()).file
    for message in written.message_type:
        for field in message.field:
            field.ClearField("json_name")
    assert written == FileDescriptorProto.FromString(DESCRIPTOR.serialized_pb)
