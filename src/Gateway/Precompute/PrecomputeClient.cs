using System.Globalization;
using Gateway.Server.Hosting;

namespace Gateway.Precompute;

/// <summary>Asks a running server, over HTTP, so many requests at a time.</summary>
/// <remarks><b>Behaviour</b>: what fails is counted; an answer that the server did not keep, because they come faster than its disk takes them, is asked for again after a pause.</remarks>
internal sealed class PrecomputeClient : IDisposable
{
    // Where so many are not kept for all their pauses, it is not the disk's pace: they are too large, or the cache has no disk any more.
    private const int GivesUpAfter = 16;

    // Before an answer that was not kept is asked for again: a second in all, which is what may wait to be written.
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(800)];

    private readonly ServerClient _http;
    private readonly string _path;
    private readonly Lock _lock = new();

    public PrecomputeClient(PrecomputeOptions options, string? accessToken)
    {
        _http = new ServerClient(options.Server, options.Concurrency, accessToken);
        _path = $"/v2/models/{Uri.EscapeDataString(options.Model)}{(options.Version is { } version ? $"/versions/{Uri.EscapeDataString(version)}" : "")}";
    }

    /// <exception cref="StartupException">The server does not answer, or not with the model's metadata.</exception>
    public Task<ModelInput[]> InputsAsync(CancellationToken cancellation) => _http.DescribeAsync(_path, "model", static json =>
        (ModelInput[])[.. json.GetProperty("inputs").EnumerateArray().Select(input => new ModelInput(
            input.GetProperty("name").GetString()!, input.GetProperty("datatype").GetString()!, [.. input.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64())]))], cancellation);

    /// <summary>Asks everything that a file has.</summary>
    /// <param name="onAnswered">Called after each answer, with how far the file is read.</param>
    /// <exception cref="StartupException">The file is damaged, the server is gone, or the model has no cache.</exception>
    public async Task RunAsync(IRequestSource source, int concurrency, PrecomputeTally tally, Action<long> onAnswered, CancellationToken cancellation)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] loops = [.. Enumerable.Range(0, concurrency).Select(_ => Task.Run(() => LoopAsync(source, tally, onAnswered, stop)))];
        await Task.WhenAll(loops).ConfigureAwait(false);
    }

    public void Dispose() => _http.Dispose();

    private async Task LoopAsync(IRequestSource source, PrecomputeTally tally, Action<long> onAnswered, CancellationTokenSource stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                PreparedRequest request;
                long position;
                lock (_lock)
                {
                    if (!source.TryNext(out request)) return;
                    position = source.Position;
                }

                await AskAsync(request, tally, stop.Token).ConfigureAwait(false);
                onAnswered(position);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Another loop has said why.
        }
        catch (Exception error)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            if (error is InvalidDataException or HttpRequestException or IOException) throw new StartupException(error.Message);
            throw;
        }
    }

    private async Task AskAsync(PreparedRequest request, PrecomputeTally tally, CancellationToken cancellation)
    {
        for (int i = 0; ; i++)
        {
            using HttpResponseMessage answer = await _http.PostAsync(_path + "/infer", () => ContentOf(request), cancellation).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
            {
                tally.CountFailure(await answer.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false));
                return;
            }

            if (!answer.Headers.TryGetValues("Cache-Status", out IEnumerable<string>? values)) throw new InvalidDataException("the model has no response cache");
            string status = values.First();
            if (i == Pauses.Length || tally.NotKept >= GivesUpAfter || !PrecomputeTally.IsNotKept(status))
            {
                tally.Count(status);
                return;
            }

            await Task.Delay(Pauses[i], TimeProvider.System, cancellation).ConfigureAwait(false);
        }
    }

    private static ByteArrayContent ContentOf(in PreparedRequest request)
    {
        ByteArrayContent content = new(request.Body);

        // A full cache keeps nothing else that nobody has asked for before.
        content.Headers.Add("Inference-Cache", "keep");
        if (request.HeadLength is { } head) content.Headers.Add("Inference-Header-Content-Length", head.ToString(CultureInfo.InvariantCulture));
        return content;
    }
}
