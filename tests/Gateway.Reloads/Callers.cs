using System.Collections.Concurrent;
using Gateway.Client;
using Gateway.Protocol;

namespace Gateway.Reloads;

/// <summary>Calls the model without a pause over frames and HTTP, and looks at every answer.</summary>
internal sealed class Callers(ServerProcess server, int side) : IAsyncDisposable
{
    private readonly InferenceClient _frames = Client(server.FramesAddress);
    private readonly InferenceClient _http = Client(server.HttpAddress);
    private readonly ConcurrentQueue<string> _problems = [];
    private ConcurrentQueue<TimeSpan> _times = [];
    private Task[] _clients = [];
    private int _begun;
    private int _done;
    private volatile bool _isOver;

    /// <summary>What went wrong, the first of it.</summary>
    public IReadOnlyCollection<string> Problems => _problems;

    public void Begin(int clients) => _clients = [.. Enumerable.Range(0, clients).Select(i => Task.Run(() => CallAsync(i % 2 == 0 ? _frames : _http)))];

    /// <summary>From here the next version may answer.</summary>
    public void BeginReload(int number) => Volatile.Write(ref _begun, number);

    /// <summary>From here only it may.</summary>
    public void EndReload(int number) => Volatile.Write(ref _done, number);

    /// <summary>The times of the calls since the last time, sorted.</summary>
    public TimeSpan[] TakeTimes() => [.. Interlocked.Exchange(ref _times, []).Order()];

    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        await Task.WhenAll(_clients).ConfigureAwait(false);
        await _frames.DisposeAsync().ConfigureAwait(false);
        await _http.DisposeAsync().ConfigureAwait(false);
    }

    // A second attempt would hide a failure.
    private static InferenceClient Client(string address) => new(new InferenceClientOptions { Endpoints = { address }, MaxAttempts = 1 });

    private async Task CallAsync(InferenceClient client)
    {
        InferenceRequest request = new InferenceRequest("m").AddInput("x", new float[side], 1, side);
        while (!_isOver && _problems.Count < 10)
        {
            int least = Volatile.Read(ref _done);
            long start = TimeProvider.System.GetTimestamp();
            try
            {
                using InferenceResponse response = await client.InferAsync(request).ConfigureAwait(false);
                _times.Enqueue(TimeProvider.System.GetElapsedTime(start));
                float answer = response.Output("y").AsSpan<float>()[0];
                int most = Volatile.Read(ref _begun);
                if (answer < least || answer > most || answer != MathF.Floor(answer)) _problems.Enqueue($"{answer} was answered while {least} to {most} could be live");
            }
            catch (Exception error) when (error is InferenceException or InferenceConnectionException or OperationCanceledException)
            {
                _problems.Enqueue($"a call failed: {error.Message}");
            }
        }
    }
}
