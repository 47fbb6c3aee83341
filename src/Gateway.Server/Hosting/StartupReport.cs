using System.Globalization;
using System.Text;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;

namespace Gateway.Server.Hosting;

/// <summary>What the server prints once it serves: a table of the models, where it listens, and a command to try.</summary>
internal static class StartupReport
{
    private static readonly string[] Header = ["MODEL", "VERSION", "STATUS", "DEVICE", "BATCH"];

    /// <param name="httpAddress">The address that the HTTP port has, such as <c>http://127.0.0.1:8000</c>.</param>
    /// <param name="framesAddress">Where MessagePack frames are served; null when they are not.</param>
    /// <param name="metricsAddress">Likewise; null when metrics are not served.</param>
    /// <param name="samples">Where sample requests may be, most wanted first; the first word of a file's name begins its model's.</param>
    /// <param name="current">The user's current folder, which paths are shown from.</param>
    /// <param name="grpcAddress">Where gRPC is served, such as <c>http://127.0.0.1:8001</c>; null when it is not.</param>
    /// <param name="asksForToken">Whether calls must show the access token, which is not printed.</param>
    public static string Write(IReadOnlyList<ModelStatus> models, string httpAddress, string? framesAddress, string? metricsAddress, IReadOnlyList<string> samples, string current, bool asksForToken = false, string? grpcAddress = null)
    {
        StringBuilder text = new();
        AppendModels(text, models);
        text.Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"http      {httpAddress}\n");
        if (grpcAddress is not null) text.Append(CultureInfo.InvariantCulture, $"grpc      {grpcAddress}\n");
        if (framesAddress is not null) text.Append(CultureInfo.InvariantCulture, $"frames    {framesAddress}\n");
        if (metricsAddress is not null) text.Append(CultureInfo.InvariantCulture, $"metrics   {metricsAddress}/metrics\n");
        int ready = models.Count(status => status.State == ModelState.Ready);
        text.Append(CultureInfo.InvariantCulture, $"\nServing {ready} of {models.Count} models. Try:\n\n    {TryLine(models, httpAddress, samples, current, asksForToken)}\n\n");
        return text.ToString();
    }

    /// <summary>Sizes that the model is run at: <c>up to 64</c>, <c>1, 4, 16</c>, with the preferred ones in brackets.</summary>
    public static string BatchSizes(BatchingPolicy policy, bool isBatching)
    {
        if (!isBatching) return "no batching";
        if (!policy.IsDynamic) return $"up to {policy.MaxBatchRows}, requests not combined";
        string sizes = policy.AllowedBatchSizes.Count > 0 ? string.Join(", ", policy.AllowedBatchSizes) : $"up to {policy.MaxBatchRows}";
        return policy.PreferredBatchSizes.Count > 0 ? $"{sizes} (prefers {string.Join(", ", policy.PreferredBatchSizes)})" : sizes;
    }

    private static void AppendModels(StringBuilder text, IReadOnlyList<ModelStatus> models)
    {
        List<string[]> rows = [Header, .. models.Select(Row)];
        int[] widths = [.. Enumerable.Range(0, Header.Length).Select(column => rows.Where(row => row.Length > column + 1).Select(row => row[column].Length).DefaultIfEmpty().Max())];
        foreach (string[] row in rows)
        {
            // The last column of a row is as wide as it is, so that a long reason does not push the others apart.
            for (int column = 0; column < row.Length - 1; column++) text.Append(row[column].PadRight(widths[column] + 2));
            text.Append(row[^1]).Append('\n');
        }
    }

    private static string[] Row(ModelStatus status)
    {
        string version = status.Version == 0 ? "-" : status.Version.ToString(CultureInfo.InvariantCulture);
        string state = status.State.ToString().ToUpperInvariant();
        return status.Model is { } model
            ? [status.Name, version, state, model.Device, BatchSizes(model.Batcher.Policy, model.Layout.IsBatching)]
            : [status.Name, version, state, status.Reason.ReplaceLineEndings("; ")];
    }

    private static string TryLine(IReadOnlyList<ModelStatus> models, string httpAddress, IReadOnlyList<string> samples, string current, bool asksForToken)
    {
        string host = ConnectTo(httpAddress);
        string curl = asksForToken ? "curl -H \"Authorization: Bearer $GATEWAY__ACCESSTOKEN\"" : "curl";
        foreach (string sample in samples)
        {
            // digit-7.json is for digits: the first word of the file's name begins the model's.
            string word = Path.GetFileName(sample).Split('-', '.')[0];
            if (models.FirstOrDefault(status => status.State == ModelState.Ready && status.Name.StartsWith(word, StringComparison.Ordinal)) is not { } model) continue;
            return $"{curl} {host}/v2/models/{model.Name}/infer -d @{Shown(sample, current)}";
        }

        return models.FirstOrDefault(status => status.State == ModelState.Ready) is { } ready ? $"{curl} {host}/v2/models/{ready.Name}" : $"curl -i {host}/v2/health/ready";
    }

    /// <summary>What a client on this machine says to reach the address; loopback and all interfaces are <c>localhost</c>.</summary>
    private static string ConnectTo(string httpAddress)
    {
        Uri uri = new(httpAddress);
        string scheme = uri.Scheme == Uri.UriSchemeHttps ? "https://" : "";
        return uri.Host is "127.0.0.1" or "0.0.0.0" or "[::]" or "[::1]" ? $"{scheme}localhost:{uri.Port}" : $"{scheme}{uri.Host}:{uri.Port}";
    }

    private static string Shown(string path, string current)
    {
        string relative = Path.GetRelativePath(current, path);
        string shown = relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
        return shown.Contains(' ', StringComparison.Ordinal) ? $"'{shown}'" : shown;
    }
}
