using System.Net;
using Gateway.Load.Sockets;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Load;

/// <summary>Keeps a number of connections busy from the calling thread: each sends its next request as soon as its last is answered.</summary>
internal static class ClosedLoop
{
    // Long enough for the heaviest batch, short enough to notice a server that hangs.
    private const int SilenceMilliseconds = 10_000;

    // Until every connection is in step with the server's batches.
    private const double LeadInShare = 0.1;

    /// <summary>Runs the load.</summary>
    /// <param name="serverCpu">Reads the CPU time that the server has used so far.</param>
    /// <exception cref="IOException">The connection broke, or the server fell silent.</exception>
    /// <exception cref="InvalidDataException">An answer was not what it should be.</exception>
    public static LoadResult Run(IPEndPoint server, InferExchange exchange, int connections, double seconds, Func<TimeSpan> serverCpu)
    {
        using Epoll epoll = new(connections);
        List<Connection> open = [];
        try
        {
            for (int i = 0; i < connections; i++)
            {
                open.Add(new Connection(server, exchange));
                epoll.Add(open[i].Socket, i);
            }

            return Run(epoll, open, seconds, serverCpu);
        }
        finally
        {
            foreach (Connection connection in open) connection.Dispose();
        }
    }

    /// <summary>Sends one request and waits for its answer.</summary>
    public static ResponseHead Probe(IPEndPoint server, InferExchange exchange)
    {
        using Connection connection = new(server, exchange);
        using Epoll epoll = new(1);
        epoll.Add(connection.Socket, 0);
        connection.Send(0);
        do
        {
            if (epoll.Wait(SilenceMilliseconds) == 0) throw new IOException("the server does not answer");
        }
        while (!connection.TryReceive());
        return connection.Answer;
    }

    private static LoadResult Run(Epoll epoll, List<Connection> connections, double seconds, Func<TimeSpan> serverCpu)
    {
        TimeProvider time = TimeProvider.System;
        LatencyHistogram latencies = new();
        double nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        TimeSpan clientBefore = Environment.CpuUsage.TotalTime;
        TimeSpan serverBefore = serverCpu();
        long start = time.GetTimestamp();
        long end = start + (long)(seconds * time.TimestampFrequency);

        // Batched answers come in bursts. Counting from the last answer before the window to the last one in it makes the time whole bursts long.
        long window = start + (long)(seconds * LeadInShare * time.TimestampFrequency);
        long from = start;
        long to = start;
        long answered = 0;
        foreach (Connection connection in connections) connection.Send(time.GetTimestamp());
        int pending = connections.Count;
        while (pending > 0)
        {
            int ready = epoll.Wait(SilenceMilliseconds);
            if (ready == 0) throw new IOException($"the server has not answered {pending} requests for {SilenceMilliseconds / 1000} s");
            for (int i = 0; i < ready; i++)
            {
                Connection connection = connections[epoll.Ready(i)];
                if (!connection.TryReceive()) continue;
                answered++;
                long now = time.GetTimestamp();
                if (now >= end)
                {
                    pending--;
                    continue;
                }

                if (now < window) from = now;
                else latencies.Record((long)((now - connection.SentAt) * nanosecondsPerTick));
                to = now;
                connection.Send(now);
            }
        }

        double passed = time.GetElapsedTime(start).TotalSeconds;
        return new LoadResult(
            answered,
            latencies.Count,
            time.GetElapsedTime(from, to).TotalSeconds,
            latencies.Microseconds(0.5),
            latencies.Microseconds(0.99),
            (Environment.CpuUsage.TotalTime - clientBefore).TotalSeconds / passed,
            (serverCpu() - serverBefore).TotalSeconds / passed);
    }
}
