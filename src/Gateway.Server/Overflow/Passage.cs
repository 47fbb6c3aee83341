using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using Gateway.Core.Models;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow;

/// <summary>Keeps what this gateway passes on, by a proxied route or to the server that runs a model, from coming round to it again: each leaves its mark, and nothing is passed on twice by the same.</summary>
/// <remarks>
/// <b>Behaviour</b>: a mark is this process and a digest of the route or the model, so that requests may come by twice where that is no loop. Who passes on requests of
/// several callers at once adds the marks of all. <b>Threading</b>: any. <b>Cost</b>: of routes and models that pass requests on, a look for a header that is hardly ever there.
/// </remarks>
public sealed class Passage
{
    /// <summary>The marks of those that have passed a request on, separated by commas.</summary>
    public const string HeaderName = "Gateway-Passed-By";

    /// <summary>Characters of marks after which a request has gone far enough: some forty gateways.</summary>
    public const int MostCharacters = 1024;

    private const char Separator = ',';
    private const int MarkCharacters = 24;

    private static readonly SearchValues<char> MarkDigits = SearchValues.Create("0123456789abcdef");

    // With one more they are as many as may be.
    private const int MostJoined = (MostCharacters / (MarkCharacters + 1)) - 1;

    private readonly string _process = RandomNumberGenerator.GetHexString(16, lowercase: true);

    /// <summary>The mark of a proxied route.</summary>
    public string MarkOfRoute(string route) => Mark("route", route);

    /// <summary>The mark of a model that another server runs.</summary>
    public string MarkOfModel(string model) => Mark("model", model);

    /// <summary>Whether a request has been passed on by whoever's mark this is, or by more than can be meant.</summary>
    public static bool HasPassed(string? marks, string mark) => marks is not null && (marks.Length > MostCharacters || marks.Contains(mark, StringComparison.Ordinal));

    /// <summary>The marks of a request that came with some, and is passed on once more.</summary>
    public static string Join(string? marks, string mark) => string.IsNullOrEmpty(marks) ? mark : $"{marks}{Separator}{mark}";

    /// <summary>The marks of several requests that go on as one, each mark once. What clients have made up is left out, and who has too many must not have the others refused.</summary>
    public static string JoinAll(IEnumerable<string> marks, string mark)
    {
        HashSet<string> all = new(StringComparer.Ordinal);
        foreach (string each in marks.SelectMany(each => each.Split(Separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))
        {
            if (all.Count < MostJoined && each != mark && IsMark(each)) all.Add(each);
        }

        return string.Join(Separator, all.Append(mark));
    }

    /// <summary>The marks that a request came with; null for none.</summary>
    public static string? Of(IHeaderDictionary headers) => headers.TryGetValue(HeaderName, out var marks) && marks.Count > 0 ? marks.ToString() : null;

    /// <summary>The marks that a request for a model came with; null for none, and for a model that is run here: its requests end here.</summary>
    /// <exception cref="InferenceException">This gateway has passed it on before.</exception>
    internal string? Of(IHeaderDictionary headers, ServedModel model)
    {
        if (model.Config.Remote is null || Of(headers) is not { } marks) return null;
        if (!HasPassed(marks, MarkOfModel(model.Name))) return marks;
        throw new InferenceException(StatusCode.Unavailable, $"Request for model '{model.Name}' has come round to the gateway that passed it on: the servers that are to run it pass it on to each other");
    }

    private static bool IsMark(string text) => text.Length == MarkCharacters && !text.AsSpan().ContainsAnyExcept(MarkDigits);

    // FNV-1a: names may be long, and are nobody's business further on.
    private string Mark(string kind, string name)
    {
        uint hash = 2166136261;
        foreach (char each in $"{kind}:{name}") hash = (hash ^ each) * 16777619;
        return _process + hash.ToString("x8", CultureInfo.InvariantCulture);
    }
}
