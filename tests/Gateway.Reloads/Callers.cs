using System.Collections.Concurrent;
using Gateway.Client;
using Gateway.Protocol;
using Gateway.TestSupport;
using Gateway.TestSupport.Grpc;

namespace Gateway.Reloads;

/// <summary>Calls the model without a pause over frames, HTTP and gRPC, and looks at every answer.</summary>
internal sealed class Callers(ServerProcess server, int side) : IAsyncDisposable
{
    private readonly InferenceClient _frames = Client(server.FramesAddress);
    private readonly InferenceClient _http = Client(server.HttpAddress);
    private readonly GrpcChannel _grpc = new(server.GrpcAddress);
    private readonly ConcurrentQueue<string> _problems = [];
    private ConcurrentQueue<TimeSpan> _times = [];
    private Task[] _clients = [];
    private int _begun;
    private int _done;
    private volatile bool _isOver;

    /// <summary>What went wrong, the first of it.</summary>
    public IReadOnlyCollection<string> Problems => _problems;

    public void Begin(int clients) => _clients = [.. Enumerable.Range(0, clients).Select(i => Task.Run(() => CallAsync(i)))];

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
        _grpc.Dispose();
    }

    // A second attempt would hide a failure.
    private static InferenceClient Client(string address) => new(new InferenceClientOptions { Endpoints = { address }, MaxAttempts = 1 });

    private async Task CallAsync(int client)
    {
        using GrpcCall stream = _grpc.Open(InferCodec.StreamPath);
        byte[] message = InferCodec.Request("m", "1", new float[side]);
        InferenceRequest request = new InferenceRequest("m").AddInput("x", new float[side], 1, side);
        while (!_isOver && _problems.Count < 10)
        {
            int least = Volatile.Read(ref _done);
            long start = TimeProvider.System.GetTimestamp();
            try
            {
                float answer = (client % 4) switch
                {
                    0 => await AskAsync(_frames, request).ConfigureAwait(false),
                    1 => await AskAsync(_http, request).ConfigureAwait(false),
                    2 => await AskOnceAsync(message).ConfigureAwait(false),
                    _ => await AskAsync(stream, message).ConfigureAwait(false),
                };
                _times.Enqueue(TimeProvider.System.GetElapsedTime(start));
                int most = Volatile.Read(ref _begun);
                if (answer < least || answer > most || answer != MathF.Floor(answer)) _problems.Enqueue($"{answer} was answered while {least} to {most} could be live");
            }
            catch (Exception error) when (error is InferenceException or InferenceConnectionException or OperationCanceledException or HttpRequestException or IOException)
            {
                _problems.Enqueue($"a call failed: {error.Message}");
            }
        }

        stream.Close();
    }

    private static async Task<float> AskAsync(InferenceClient client, InferenceRequest request)
    {
        using InferenceResponse response = await client.InferAsync(request).ConfigureAwait(false);
        return response.Output("y").AsSpan<float>()[0];
    }

    private async Task<float> AskOnceAsync(byte[] message)
    {
        using GrpcCall call = _grpc.Open(InferCodec.InferPath);
        await call.WriteAsync(message).ConfigureAwait(false);
        call.Close();
        byte[]? answer = await call.ReadAsync().ConfigureAwait(false);
        return answer is null ? throw new IOException($"gRPC status {await call.StatusAsync().ConfigureAwait(false)}") : InferCodec.Read(answer).First;
    }

    private static async Task<float> AskAsync(GrpcCall stream, byte[] message)
    {
        await stream.WriteAsync(message).ConfigureAwait(false);
        byte[] answer = await stream.ReadAsync().ConfigureAwait(false) ?? throw new IOException($"the stream ended with {await stream.StatusAsync().ConfigureAwait(false)}");
        (string error, _, float first) = InferCodec.ReadStreamed(answer);
        return error.Length == 0 ? first : throw new IOException(error);
    }
}
