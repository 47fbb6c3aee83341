using Gateway.Core.Models;
using Gateway.Protocol;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Hosting;
using Gateway.Server.OpenInference;
using Google.Protobuf.Collections;
using Microsoft.Extensions.Logging;
using LogKind = Gateway.Server.Grpc.Messages.LogSettingsRequest.Types.SettingValue.ParameterChoiceOneofCase;
using LogValue = Gateway.Server.Grpc.Messages.LogSettingsResponse.Types.SettingValue;
using TraceValue = Gateway.Server.Grpc.Messages.TraceSettingResponse.Types.SettingValue;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods TraceSetting and LogSettings: each reads and, where the request has settings, changes them.</summary>
internal static class SettingsMethods
{
    public static GrpcMethod Trace(ModelCatalog catalog, ILogger logger) =>
        new UnaryMethod<TraceSettingRequest, TraceSettingResponse>(InferenceService.Path("TraceSetting"), TraceSettingRequest.Parser, request => Answer(catalog, request), logger);

    /// <param name="settings">Null where the server's log cannot be changed.</param>
    public static GrpcMethod Log(LogSettings? settings, ILogger logger) =>
        new UnaryMethod<LogSettingsRequest, LogSettingsResponse>(
            InferenceService.Path("LogSettings"),
            LogSettingsRequest.Parser,
            request => Answer(settings ?? throw Errors.Unsupported("log settings cannot be changed on this server"), request),
            logger);

    private static TraceSettingResponse Answer(ModelCatalog catalog, TraceSettingRequest request)
    {
        if (request.ModelName.Length > 0) InferenceService.Find(catalog, request.ModelName, "");
        TraceSettings settings = new(catalog.Tracer);
        foreach ((string name, TraceSettingRequest.Types.SettingValue setting) in request.Settings) Set(settings, name, setting.Value);
        TraceSettingResponse response = new();
        foreach ((string name, string value) in TraceSettings.All(settings.ApplyTo(request.ModelName))) response.Settings[name] = new TraceValue { Value = { value } };
        return response;
    }

    /// <summary>None clears the setting.</summary>
    private static void Set(TraceSettings settings, string name, RepeatedField<string> values)
    {
        if (values.Count == 0) settings.Clear(name);
        else if (name == TraceSettings.Level) settings.SetLevels(values);
        else if (values.Count > 1) throw Errors.Invalid($"expect only 1 value for '{name}'");
        else settings.Set(name, values[0]);
    }

    private static LogSettingsResponse Answer(LogSettings settings, LogSettingsRequest request)
    {
        LogChange change = new();
        foreach ((string name, LogSettingsRequest.Types.SettingValue value) in request.Settings) change = With(change, name, value);
        change.ApplyTo(settings);
        return new LogSettingsResponse
        {
            Settings =
            {
                ["log_file"] = new LogValue { StringParam = "" },
                ["log_info"] = new LogValue { BoolParam = settings.LogsInformation },
                ["log_warning"] = new LogValue { BoolParam = settings.LogsWarnings },
                ["log_error"] = new LogValue { BoolParam = settings.LogsErrors },
                ["log_verbose_level"] = new LogValue { Uint32Param = (uint)settings.VerboseLevel },
                ["log_format"] = new LogValue { StringParam = LogChange.NameOf(settings.Format) },
            },
        };
    }

    private static LogChange With(LogChange change, string name, LogSettingsRequest.Types.SettingValue value) => name switch
    {
        "log_info" => change with { Information = Boolean(name, value) },
        "log_warning" => change with { Warnings = Boolean(name, value) },
        "log_error" => change with { Errors = Boolean(name, value) },
        "log_verbose_level" => change with
        {
            VerboseLevel = value.ParameterChoiceCase == LogKind.Uint32Param ? (int)Math.Min(value.Uint32Param, int.MaxValue) : throw Errors.Invalid($"expect int32 for '{name}'"),
        },
        "log_format" => change with { Format = Format(name, value) },
        "log_file" => throw new InferenceException(StatusCode.Unsupported, LogChange.NoFile),
        _ => throw Errors.Invalid($"unknown log setting '{name}'"),
    };

    private static bool Boolean(string name, LogSettingsRequest.Types.SettingValue value) =>
        value.ParameterChoiceCase == LogKind.BoolParam ? value.BoolParam : throw Errors.Invalid($"expect boolean for '{name}'");

    private static LogFormat Format(string name, LogSettingsRequest.Types.SettingValue value)
    {
        if (value.ParameterChoiceCase != LogKind.StringParam) throw Errors.Invalid($"expect string for '{name}'");
        return LogChange.FormatOf(value.StringParam) ?? throw Errors.Invalid($"invalid argument for log_format, got: {value.StringParam}");
    }
}
