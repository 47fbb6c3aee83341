using System.Globalization;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads the parameters of a model that another server runs; one that it does not know is refused, for there is no model here that could mean it.</summary>
internal sealed class RemoteParameterBinder
{
    private const double MostMilliseconds = 24 * 60 * 60 * 1000;

    private static readonly Uri NoUrl = new("http://invalid.invalid/");

    private static readonly string[] Known =
    [
        "url", "model_name", "model_version", "timeout_ms", "connect_timeout_ms", "first_byte_timeout_ms", "access_token_variable", "max_response_bytes",
    ];

    private readonly IReadOnlyDictionary<string, string> _parameters;
    private readonly ConfigErrors _errors;

    private RemoteParameterBinder(IReadOnlyDictionary<string, string> parameters, ConfigErrors errors)
    {
        _parameters = parameters;
        _errors = errors;
    }

    /// <returns>What was written, with stand-ins for what could not be read and was reported.</returns>
    public static RemoteParameters Bind(IReadOnlyDictionary<string, string> parameters, ConfigErrors errors)
    {
        RemoteParameterBinder binder = new(parameters, errors);
        foreach (string key in parameters.Keys.Except(Known)) binder.ReportUnknown(key);
        RemoteParameters defaults = new() { Url = binder.Url() };
        return defaults with
        {
            ModelName = binder.Name(),
            ModelVersion = binder.Number("model_version"),
            Timeout = binder.Milliseconds("timeout_ms") ?? defaults.Timeout,
            ConnectTimeout = binder.Milliseconds("connect_timeout_ms") ?? defaults.ConnectTimeout,
            FirstByteTimeout = binder.Milliseconds("first_byte_timeout_ms"),
            AccessTokenVariable = binder.Variable(),
            MaxResponseBytes = binder.Number("max_response_bytes") ?? defaults.MaxResponseBytes,
        };
    }

    private Uri Url()
    {
        if (!_parameters.TryGetValue("url", out string? text))
        {
            _errors.Add("parameters", "a model that another server runs needs the parameter 'url', such as http://10.0.0.5:8000");
            return NoUrl;
        }

        // What stands in a configuration can be asked for by clients: no place for a password.
        bool isUrl = Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Host.Length > 0 && url.UserInfo.Length + url.Query.Length + url.Fragment.Length == 0;
        if (isUrl && (url!.Scheme is "http" or "https" || (url.Scheme is "grpc" or "grpcs" && url.AbsolutePath.Length <= 1 && url.Port > 0))) return url;
        Report("url", $"parameter 'url' must be an http, https, grpc or grpcs address without user, query or fragment, such as http://10.0.0.5:8000 or grpc://10.0.0.5:8001, got '{Suggestion.Shorten(text)}'");
        return NoUrl;
    }

    private string Name()
    {
        string name = _parameters.GetValueOrDefault("model_name", "");
        if (name is "." or ".." || name.Any(each => char.IsControl(each) || each is '/' or '\\')) Report("model_name", $"parameter 'model_name' must be a model's name, got '{Suggestion.Shorten(name)}'");
        return name;
    }

    private long? Number(string key)
    {
        if (!_parameters.TryGetValue(key, out string? text)) return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number > 0) return number;
        Report(key, $"parameter '{key}' must be a whole number above 0, got '{Suggestion.Shorten(text)}'");
        return null;
    }

    private TimeSpan? Milliseconds(string key)
    {
        if (!_parameters.TryGetValue(key, out string? text)) return null;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value is >= 1 and <= MostMilliseconds) return TimeSpan.FromMilliseconds(value);
        Report(key, $"parameter '{key}' must be milliseconds, from 1 to a day, got '{Suggestion.Shorten(text)}'");
        return null;
    }

    private string? Variable()
    {
        if (!_parameters.TryGetValue("access_token_variable", out string? name)) return null;
        if (name.StartsWith(RemoteParameters.TokenVariablePrefix, StringComparison.Ordinal) && name.All(each => char.IsAsciiLetterOrDigit(each) || each == '_')) return name;

        // Not repeated: it may be the token itself.
        Report("access_token_variable", $"parameter 'access_token_variable' must name an environment variable that begins with {RemoteParameters.TokenVariablePrefix}");
        return null;
    }

    private void ReportUnknown(string key)
    {
        string hint = Suggestion.Closest(key, Known) is { } meant ? $"; did you mean '{meant}'?" : $"; known are {string.Join(", ", Known)}";
        Report(key, $"parameter '{Suggestion.Shorten(key)}' is unknown for a model that another server runs{hint}");
    }

    private void Report(string key, string message) => _errors.Add(ConfigSource.Entry("parameters", key), message);
}
