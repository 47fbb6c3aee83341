using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Load.Results;
using Gateway.Load.Statistics;

namespace Gateway.Load.Reports;

/// <summary>Reports as JSON: whole, so that they can be merged, compared and drawn again.</summary>
internal static class ReportJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, RespectNullableAnnotations = true };

    public static byte[] Write(LoadReport report) => JsonSerializer.SerializeToUtf8Bytes(report, Options);

    /// <exception cref="LoadException">It cannot be read, or is no report.</exception>
    public static LoadReport Read(string path)
    {
        try
        {
            LoadReport report = JsonSerializer.Deserialize<LoadReport>(File.ReadAllBytes(path), Options) ?? throw new JsonException("it is empty");
            if (report.Format != LoadReport.CurrentFormat) throw new JsonException($"its format is '{report.Format}', not '{LoadReport.CurrentFormat}'");
            foreach (ScenarioResult scenario in report.Scenarios)
            {
                if (scenario is null || scenario.Intervals.Any(interval => interval is null) || scenario.Kinds.Any(kind => kind is null)) throw new JsonException("a part of it is null");
                IEnumerable<SparseHistogram> histograms = [scenario.Latency, scenario.Service, scenario.Refusals, scenario.Lag, .. scenario.StepLatencies, .. scenario.Intervals.Select(interval => interval.Latency)];
                if (!histograms.All(histogram => histogram is { IsValid: true })) throw new JsonException($"a histogram of '{scenario.Name}' is none");
            }

            return report;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new LoadException(ExitCode.BadSettings, $"{path} is no report of gateway-load: {exception.Message}");
        }
    }
}
