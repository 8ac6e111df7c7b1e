"""Reads a request of OTLP logs as protobuf and prints it as JSON, by OpenTelemetry's own definitions."""
import sys

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

request = ExportLogsServiceRequest()
request.ParseFromString(sys.stdin.buffer.read())
print(MessageToJson(request))
