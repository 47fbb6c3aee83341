using System.Net;
using System.Text.Json;
using Gateway.Core.Models;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.Server.Overflow;

/// <summary>A replica that is no gateway, such as Triton: asks what it serves, and guesses how loaded it is from how long it takes.</summary>
/// <remarks>
/// <b>Behaviour</b>: which models it serves its repository's index says, or, where it has none, whether it calls those ready that are served here. Until it has answered a
/// request it is taken to need <see cref="FirstGuess"/>; then as long as it took of late, and a quarter as long again for each request that is on its way there. <b>Threading</b>: one at a time.
/// </remarks>
/// <param name="differs">Told of a model there that has the name of another here.</param>
internal sealed class ForeignServer(Replica replica, ReplicaModels models, ModelCatalog catalog, OverflowSettings settings, Action<string> differs)
{
    /// <summary>Microseconds.</summary>
    public const long FirstGuess = 50_000;

    // Requests that it is taken to serve together.
    private const int BatchGuess = 4;
    private const int MostIndexBytes = 1 << 20;
    private const int MostUnanswered = 10;
    private static readonly TimeSpan ProbePeriod = TimeSpan.FromSeconds(1);

    private IReadOnlyList<ModelKey> _models = [];
    private readonly HashSet<string> _compared = [];
    private readonly HashSet<string> _others = [];
    private string? _problem = "it was not asked yet";
    private long _askedAt = long.MinValue / 2;
    private uint _sequence;
    private int _unanswered;

    /// <summary>Whether it is to be asked again what it serves.</summary>
    public bool IsDue => settings.Now() - _askedAt > ProbePeriod.TotalMicroseconds;

    /// <summary>Asks it, if it has not been for a second, and notes down what is guessed of it.</summary>
    /// <returns>Null, or why it gets nothing.</returns>
    public async Task<string?> AskAsync(CancellationToken stop)
    {
        if (IsDue)
        {
            _askedAt = settings.Now();

            // Also when that fails: what was said before does not hold any more.
            _problem = "it has not said what it serves";
            _problem = await ProbeAsync(stop).ConfigureAwait(false);

            // Who was slow and therefore gets nothing would be taken for slow for ever.
            foreach ((_, RemoteQueue queue) in replica.Queues)
            {
                if (queue.InFlight == 0 && queue.Observed > FirstGuess) queue.FadeObserved();
            }
        }

        if (_problem is not null) return _problem;
        await CompareAsync(stop).ConfigureAwait(false);
        replica.IsForeign = true;
        replica.State = ReplicaState.Serving;
        long now = settings.Now();
        foreach (ModelKey model in _models)
        {
            if (_others.Contains(model.Name)) continue;
            long time = replica.Find(model)?.Observed is > 0 and long observed ? observed : FirstGuess;
            replica.Receive(model, new LoadReport(ReplicaState.Serving, ++_sequence, 0, (uint)Math.Min(time, uint.MaxValue - 1), (uint)Math.Min(1000 * time / BatchGuess, uint.MaxValue), 0, 0, 0), now, isUncompared: !_compared.Contains(model.Name));
        }

        replica.Keep(_models.Where(model => !_others.Contains(model.Name)).ToHashSet());
        return null;
    }

    /// <summary>Finds out, once of each, which models that are served here are others there.</summary>
    private async Task CompareAsync(CancellationToken stop)
    {
        foreach (string name in _models.Select(model => model.Name).Distinct().Where(name => !_compared.Contains(name)).ToArray())
        {
            if (!catalog.TryFind(name, 0, out ServedModel? here)) continue;
            ModelSignature? there = await models.AskAsync(replica, name, stop).ConfigureAwait(false);
            if (there is null && _unanswered++ < MostUnanswered)
            {
                // It gets nothing until it has said what it has; one that never says is believed.
                _others.Add(name);
                continue;
            }

            _compared.Add(name);
            if (there is null || Fits(here.Layout, there))
            {
                _others.Remove(name);
                continue;
            }

            _others.Add(name);
            differs(name);
        }
    }

    /// <summary>Whether requests and answers of a model here are those of a model there: the same tensors, and no dimension that is another number.</summary>
    internal static bool Fits(ModelLayout here, ModelSignature there) => Fit(here.Inputs, there.Inputs) && Fit(here.Outputs, there.Outputs);

    private static bool Fit(IReadOnlyList<TensorSpec> here, IReadOnlyList<TensorSignature> there) => here.Count == there.Count && here.All(tensor => there.Any(other => Fits(tensor, other)));

    private static bool Fits(TensorSpec here, TensorSignature there)
    {
        if (here.Name != there.Name || here.DataType != there.DataType) return false;
        ReadOnlySpan<long> dims = here.ClientDims.Dims;

        // With the dimension of the batch or without.
        int extra = there.Dims.Count - dims.Length;
        if (extra is not (0 or 1)) return false;
        for (int i = 0; i < dims.Length; i++)
        {
            if (dims[i] >= 0 && there.Dims[i + extra] >= 0 && dims[i] != there.Dims[i + extra]) return false;
        }

        return true;
    }

    private async Task<string?> ProbeAsync(CancellationToken stop)
    {
        using HttpResponseMessage ready = await models.SendAsync(replica, HttpMethod.Get, "/v2/health/ready", stop).ConfigureAwait(false);
        if (!ready.IsSuccessStatusCode) return $"it is no gateway, and not ready ({(int)ready.StatusCode})";
        using HttpResponseMessage index = await models.SendAsync(replica, HttpMethod.Post, "/v2/repository/index", stop).ConfigureAwait(false);
        if (index.StatusCode == HttpStatusCode.OK)
        {
            await index.Content.LoadIntoBufferAsync(MostIndexBytes, stop).ConfigureAwait(false);
            _models = ReadIndex(await index.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false));
            return null;
        }

        List<ModelKey> found = [];
        foreach (string name in catalog.Index.Where(status => status.Model is not null).Select(status => status.Name).Distinct())
        {
            using HttpResponseMessage answer = await models.SendAsync(replica, HttpMethod.Get, $"/v2/models/{Uri.EscapeDataString(name)}/ready", stop).ConfigureAwait(false);
            if (answer.IsSuccessStatusCode) found.Add(new ModelKey(name, 0));
        }

        _models = found;
        return null;
    }

    /// <summary>The models that an index says are ready, each version, and each name for its highest.</summary>
    /// <exception cref="IOException">It is none.</exception>
    internal static IReadOnlyList<ModelKey> ReadIndex(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            HashSet<ModelKey> models = [];
            foreach (JsonElement entry in document.RootElement.EnumerateArray())
            {
                if (!entry.TryGetProperty("state", out JsonElement state) || state.GetString() != "READY" || entry.GetProperty("name").GetString() is not { Length: > 0 } name) continue;
                models.Add(new ModelKey(name, 0));
                if (entry.TryGetProperty("version", out JsonElement version) && long.TryParse(version.ToString(), out long number) && number > 0) models.Add(new ModelKey(name, number));
            }

            return [.. models];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new IOException($"what it says of its models cannot be read: {error.Message}", error);
        }
    }
}
