using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Hosting;
using LogValue = Gateway.Server.Grpc.Messages.LogSettingsRequest.Types.SettingValue;
using TraceValue = Gateway.Server.Grpc.Messages.TraceSettingRequest.Types.SettingValue;

namespace Gateway.UnitTests.Grpc;

public sealed class SettingsTests : IAsyncLifetime
{
    private GrpcServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await GrpcServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Log_Settings_ChangeAndAreTold()
    {
        LogSettingsRequest change = new()
        {
            Settings =
            {
                ["log_info"] = new LogValue { BoolParam = false },
                ["log_verbose_level"] = new LogValue { Uint32Param = 1 },
                ["log_format"] = new LogValue { StringParam = "ISO8601" },
            },
        };

        LogSettingsResponse before = (await _server.Client.CallAsync("LogSettings", new LogSettingsRequest())).Single(LogSettingsResponse.Parser);
        LogSettingsResponse after = (await _server.Client.CallAsync("LogSettings", change)).Single(LogSettingsResponse.Parser);

        Assert.Equal(6, before.Settings.Count);
        Assert.Equal((true, "default", ""), (before.Settings["log_info"].BoolParam, before.Settings["log_format"].StringParam, before.Settings["log_file"].StringParam));
        Assert.Equal((false, true, true, 1u, "ISO8601"), (after.Settings["log_info"].BoolParam, after.Settings["log_warning"].BoolParam, after.Settings["log_error"].BoolParam, after.Settings["log_verbose_level"].Uint32Param, after.Settings["log_format"].StringParam));
        Assert.Equal((false, 1, LogFormat.Iso8601), (_server.Server.Logs.LogsInformation, _server.Server.Logs.VerboseLevel, _server.Server.Logs.Format));
    }

    [Fact]
    public async Task Log_EachMistake_ChangesNothing()
    {
        (string Name, LogValue Value, GrpcStatus Status, string Error)[] cases =
        [
            ("log_file", new LogValue { StringParam = "x" }, GrpcStatus.Unimplemented, "log file location can not be updated through network protocol"),
            ("log_info", new LogValue { StringParam = "x" }, GrpcStatus.InvalidArgument, "expect boolean for 'log_info'"),
            ("log_error", new LogValue(), GrpcStatus.InvalidArgument, "expect boolean for 'log_error'"),
            ("log_verbose_level", new LogValue { BoolParam = true }, GrpcStatus.InvalidArgument, "expect int32 for 'log_verbose_level'"),
            ("log_format", new LogValue { BoolParam = true }, GrpcStatus.InvalidArgument, "expect string for 'log_format'"),
            ("log_format", new LogValue { StringParam = "xml" }, GrpcStatus.InvalidArgument, "invalid argument for log_format, got: xml"),
            ("other", new LogValue { BoolParam = true }, GrpcStatus.InvalidArgument, "unknown log setting 'other'"),
        ];
        foreach ((string name, LogValue value, GrpcStatus status, string error) in cases)
        {
            GrpcAnswer answer = await _server.Client.CallAsync("LogSettings", new LogSettingsRequest { Settings = { ["log_warning"] = new LogValue { BoolParam = false }, [name] = value } });
            Assert.Equal(((int)status, error), (answer.Status, answer.Message));
            Assert.True(_server.Server.Logs.LogsWarnings);
        }
    }

    [Fact]
    public async Task Trace_WhatChangesNothing_IsTakenAndAllIsTold()
    {
        TraceSettingRequest request = new() { ModelName = "rank", Settings = { ["trace_level"] = new TraceValue { Value = { "OFF" } }, ["trace_rate"] = new TraceValue(), ["trace_count"] = new TraceValue { Value = { "-1" } } } };

        TraceSettingResponse response = (await _server.Client.CallAsync("TraceSetting", request)).Single(TraceSettingResponse.Parser);

        Assert.Equal(
            ["log_frequency=0", "trace_count=-1", "trace_file=", "trace_level=OFF", "trace_mode=triton", "trace_rate=1000"],
            response.Settings.Select(each => $"{each.Key}={string.Join(",", each.Value.Value)}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Trace_EachMistake_IsTritonsError()
    {
        (string Model, string Name, string[] Values, GrpcStatus Status, string Error)[] cases =
        [
            ("", "trace_file", ["x"], GrpcStatus.Unimplemented, "trace file location can not be updated through network protocol"),
            ("", "trace_level", ["TIMESTAMPS"], GrpcStatus.InvalidArgument, "Attempting to set invalid trace setting :trace file name is not given"),
            ("", "trace_level", ["TENSORS"], GrpcStatus.Unimplemented, "trace level 'TENSORS' is not served, 'TIMESTAMPS' is"),
            ("", "trace_mode", ["opentelemetry"], GrpcStatus.Unimplemented, "'trace_mode' can not be updated: traces are written as 'triton'"),
            ("", "trace_level", ["OFF", "OFF"], GrpcStatus.InvalidArgument, "Expect only one trace level 'OFF' is specified"),
            ("", "trace_rate", ["1", "2"], GrpcStatus.InvalidArgument, "expect only 1 value for 'trace_rate'"),
            ("", "trace_rate", ["x"], GrpcStatus.InvalidArgument, "Unable to parse 'trace_rate', got: x"),
            ("", "trace_rate", ["-1"], GrpcStatus.InvalidArgument, "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: -1"),
            ("", "trace_rate", ["4294967296"], GrpcStatus.InvalidArgument, "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: 4294967296"),
            ("", "trace_count", ["-2"], GrpcStatus.InvalidArgument, "Unable to parse 'trace_count'. Expecting value >= -1, got:-2"),
            ("", "trace_count", ["2147483648"], GrpcStatus.InvalidArgument, "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: 2147483648"),
            ("", "trace_count", ["99999999999999999999999999999999999999"], GrpcStatus.InvalidArgument, "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: 99999999999999999999999999999999999999"),
            ("", "log_frequency", ["-"], GrpcStatus.InvalidArgument, "Unable to parse 'log_frequency', got: -"),
            ("", "other", ["1"], GrpcStatus.InvalidArgument, "unknown trace setting 'other'"),
            ("nobody", "trace_level", ["OFF"], GrpcStatus.NotFound, "Request for unknown model: 'nobody' is not found"),
        ];
        foreach ((string model, string name, string[] values, GrpcStatus status, string error) in cases)
        {
            GrpcAnswer answer = await _server.Client.CallAsync("TraceSetting", new TraceSettingRequest { ModelName = model, Settings = { [name] = new TraceValue { Value = { values } } } });
            Assert.Equal(((int)status, error), (answer.Status, answer.Message));
        }
    }
}
