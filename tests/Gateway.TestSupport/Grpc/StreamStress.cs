using System.Globalization;

namespace Gateway.TestSupport.Grpc;

/// <summary>Opens streams of inferences side by side, and ends each in a way drawn at random; watches that answers are right and in order, and that the server accounts for every request.</summary>
/// <remarks>The same seed draws the same calls; how they meet is the machine's. The model answers each element as it is.</remarks>
public sealed class StreamStress(string grpc, string metrics, string model, int side, int seed)
{
    private const int StreamsAConnection = 64;
    private const int MostRequests = 40;

    // gRPC's numbers.
    private const int Ok = 0;
    private const int DeadlineExceeded = 4;
    private const int Internal = 13;
    private const int Unavailable = 14;

    // Far more than anything takes once the calls are over.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly StreamTally _tally = new();
    private volatile bool _isOver;
    private int _runs;

    public StreamTally Tally => _tally;

    /// <summary>Runs; may be run again, to go on.</summary>
    /// <param name="streams">Calls at a time.</param>
    /// <param name="duration">How long to open new ones; ends early at a violation.</param>
    public async Task RunAsync(int streams, TimeSpan duration)
    {
        _isOver = false;
        _runs++;
        GrpcChannel[] channels = [.. Enumerable.Range(0, (streams + StreamsAConnection - 1) / StreamsAConnection).Select(_ => new GrpcChannel(grpc))];
        Task[] lives = [.. Enumerable.Range(0, streams).Select(i => Task.Run(() => LiveAsync(channels[i / StreamsAConnection], new Random(unchecked(seed + i + (1000 * _runs))))))];
        long began = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(began) < duration && _tally.Violations.Count == 0) await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System).ConfigureAwait(false);
        _isOver = true;
        await Task.WhenAll(lives).ConfigureAwait(false);
        foreach (GrpcChannel channel in channels) channel.Dispose();
        if (_tally.Lost > 0) _tally.Violate($"{_tally.Lost} calls were lost with their connections");
        await CheckConservationAsync().ConfigureAwait(false);
    }

    private async Task LiveAsync(GrpcChannel channel, Random random)
    {
        while (!_isOver && _tally.Violations.Count == 0)
        {
            _tally.CountStream();
            try
            {
                if (random.Next(4) == 0) await CallOnceAsync(channel, random).ConfigureAwait(false);
                else await StreamAsync(channel, random).ConfigureAwait(false);
            }
            catch (Exception error) when (IsOfCancel(error))
            {
                _tally.CountLost();
            }
#pragma warning disable CA1031 // Whatever it is, it is what the run is to find.
            catch (Exception error)
#pragma warning restore CA1031
            {
                _tally.Violate($"a call failed: {error}");
            }
        }
    }

    private async Task StreamAsync(GrpcChannel channel, Random random)
    {
        // Its time may be over before it begins, between two messages or after all of them.
        string? timeout = random.Next(6) == 0 ? $"{random.Next(1, 200)}m" : null;
        using GrpcCall call = channel.Open(InferCodec.StreamPath, timeout);
        int requests = random.Next(MostRequests);
        End end = (End)random.Next((int)End.Count);
        int answersBeforeCancel = end == End.CancelReading ? random.Next(requests + 1) : int.MaxValue;
        Task sending = SendAsync(call, requests, end, random);
        int answered = 0;
        try
        {
            while (answered < answersBeforeCancel && await call.ReadAsync().ConfigureAwait(false) is { } message) Check(message, answered++);
            if (answered >= answersBeforeCancel)
            {
                call.Cancel();
            }
            else
            {
                int status = await call.StatusAsync().ConfigureAwait(false);
                int expected = end == End.HalfCloseMidMessage ? Internal : Ok;
                if (status == DeadlineExceeded && timeout is not null) _tally.CountExpired();
                else if (status != expected || answered != requests) _tally.Violate($"a stream of {requests} requests ({end}, time {timeout}) ended with {status} after {answered} answers");
            }
        }
        catch (Exception error) when (IsCancel(end) && IsOfCancel(error))
        {
            // As it was asked to.
        }

        if (IsCancel(end)) _tally.CountCancelled();

        // Whatever ended it: nothing more is to be sent.
        call.Cancel();
        await sending.ConfigureAwait(false);
    }

    private async Task SendAsync(GrpcCall call, int requests, End end, Random random)
    {
        try
        {
            float[] row = new float[side];
            for (int i = 0; i < requests; i++)
            {
                row[0] = i;
                byte[] message = InferCodec.Request(model, InferCodec.Id(i), row);

                // In two pieces now and then, with room for a cancellation between them.
                int cut = random.Next(4) == 0 ? random.Next(1, message.Length) : message.Length;
                await call.WriteAsync(message.AsMemory(0, cut)).ConfigureAwait(false);
                if (cut < message.Length) await call.WriteAsync(message.AsMemory(cut)).ConfigureAwait(false);
            }

            if (end is End.HalfCloseMidMessage or End.CancelMidMessage) await call.WriteAsync(InferCodec.Request(model, "cut", row).AsMemory(0, random.Next(1, 100))).ConfigureAwait(false);
            if (end is End.CancelSending or End.CancelMidMessage) call.Cancel();
            else call.Close();
        }
        catch (Exception error) when (IsOfCancel(error))
        {
            // The reader has cancelled it; what else there is, the reader sees.
        }
    }

    private async Task CallOnceAsync(GrpcChannel channel, Random random)
    {
        bool isCancelled = random.Next(3) == 0;
        string? timeout = random.Next(3) == 0 ? $"{random.Next(1, 20)}m" : null;
        using GrpcCall call = channel.Open(InferCodec.InferPath, timeout);
        float[] row = new float[side];
        row[0] = random.Next(1000);
        try
        {
            try
            {
                await call.WriteAsync(InferCodec.Request(model, "one", row)).ConfigureAwait(false);
            }
            catch (Exception error) when (IsOfCancel(error))
            {
                // Its time may have been over before it was sent: its status says so, if it has one.
            }

            call.Close();
            if (isCancelled)
            {
                call.Cancel();
                _tally.CountCancelled();
                return;
            }

            byte[]? message = await call.ReadAsync().ConfigureAwait(false);
            int status = message is null ? await call.StatusAsync().ConfigureAwait(false) : Ok;
            if (message is not null && InferCodec.Read(message) == ("one", row[0])) _tally.CountAnswer();
            else if (status is Unavailable || (status == DeadlineExceeded && timeout is not null)) _tally.CountRefusal();
            else _tally.Violate($"a call ended with {status}, its answer is {(message is null ? "none" : InferCodec.Read(message))}");
        }
        catch (Exception error) when (isCancelled && IsOfCancel(error))
        {
            _tally.CountCancelled();
        }
    }

    private static bool IsCancel(End end) => end is End.CancelReading or End.CancelSending or End.CancelMidMessage;

    private static bool IsOfCancel(Exception error) => error is OperationCanceledException or HttpRequestException or IOException or ObjectDisposedException;

    private void Check(byte[] message, int number)
    {
        (string error, string id, float first) = InferCodec.ReadStreamed(message);
        if (id != InferCodec.Id(number)) _tally.Violate($"answer {number} has the id '{id}' ({error})");
        else if (error.Length > 0) _tally.CountRefusal();
        else if (first != number) _tally.Violate($"answer {number} is {first}");
        else _tally.CountAnswer();
    }

    /// <summary>Once all calls and their connections are over: what was accepted has ended, and nothing of it is held.</summary>
    private async Task CheckConservationAsync()
    {
        using HttpClient client = new();
        long began = TimeProvider.System.GetTimestamp();
        string problem;
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System).ConfigureAwait(false);
            problem = Problem(await client.GetStringAsync(new Uri(metrics)).ConfigureAwait(false));
        }
        while (problem.Length > 0 && TimeProvider.System.GetElapsedTime(began) < Patience);
        if (problem.Length > 0) _tally.Violate(problem);
    }

    private string Problem(string page)
    {
        double open = Sum(page, "gateway_connections", "protocol=\"grpc\"");
        if (open != 0) return $"{open} connections are still open";
        double pending = Sum(page, "nv_inference_pending_request_count");
        if (pending != 0) return $"{pending} requests are still pending";
        double accepted = Sum(page, "gateway_requests_accepted_total");
        double ended = Sum(page, "gateway_requests_total");
        if (accepted != ended) return $"{accepted} requests were accepted and {ended} have ended";
        double succeeded = Sum(page, "gateway_requests_total", "outcome=\"succeeded\"");
        if (succeeded < Tally.Answers) return $"{succeeded} requests succeeded, and {Tally.Answers} answers came";
        foreach (string owner in new[] { "body", "request_tensors", "response_tensors" })
        {
            double lent = Sum(page, "gateway_pool_rented_blocks", $"owner=\"{owner}\"");
            if (lent != 0) return $"{lent} blocks are still lent for {owner}";
        }

        return "";
    }

    private static double Sum(string page, string name, string label = "") =>
        page.Split('\n')
            .Where(line => line.StartsWith(name, StringComparison.Ordinal) && (line[name.Length] is '{' or ' ') && line.Contains(label, StringComparison.Ordinal))
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    /// <summary>How a stream ends.</summary>
    private enum End
    {
        HalfClose,
        HalfCloseMidMessage,
        CancelReading,
        CancelSending,
        CancelMidMessage,
        Count,
    }
}
