using System.Net;
using Gateway.Load.Sockets;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Load;

/// <summary>Keeps connections of frames busy from the calling thread, each with a window of calls.</summary>
internal static class FrameLoop
{
    private const int SilenceMilliseconds = 10_000;

    // Until every connection is in step with the server's batches.
    private const double LeadInShare = 0.1;

    /// <param name="serverCpu">Reads the CPU time that the server has used so far.</param>
    /// <param name="answerBytes">Bytes of one answer, its frame included.</param>
    public static LoadResult Run(IPEndPoint server, FrameExchange exchange, int connections, int window, double seconds, Func<TimeSpan> serverCpu, out int answerBytes)
    {
        using Epoll epoll = new(connections);
        List<FrameClient> open = [];
        try
        {
            for (int i = 0; i < connections; i++)
            {
                open.Add(new FrameClient(server, exchange, window));
                epoll.Add(open[i].Socket, i);
            }

            LoadResult result = Run(epoll, open, seconds, serverCpu);
            answerBytes = open[0].AnswerBytes;
            return result;
        }
        finally
        {
            foreach (FrameClient client in open) client.Dispose();
        }
    }

    private static LoadResult Run(Epoll epoll, List<FrameClient> clients, double seconds, Func<TimeSpan> serverCpu)
    {
        TimeProvider time = TimeProvider.System;
        LatencyHistogram latencies = new();
        double nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        TimeSpan clientBefore = Environment.CpuUsage.TotalTime;
        TimeSpan serverBefore = serverCpu();
        long start = time.GetTimestamp();
        long end = start + (long)(seconds * time.TimestampFrequency);
        long window = start + (long)(seconds * LeadInShare * time.TimestampFrequency);
        long from = start;
        long to = start;
        long answered = 0;
        long pending = 0;
        foreach (FrameClient client in clients)
        {
            for (int slot = 0; slot < client.Window; slot++, pending++) client.Add(slot, start);
            client.Send();
        }

        FrameClient current = clients[0];
        long now = start;
        Action<int, long> onAnswer = (slot, sentAt) =>
        {
            answered++;
            if (now >= end)
            {
                pending--;
                return;
            }

            if (now < window) from = now;
            else latencies.Record((long)((now - sentAt) * nanosecondsPerTick));
            to = now;
            current.Add(slot, now);
        };
        while (pending > 0)
        {
            int ready = epoll.Wait(SilenceMilliseconds);
            if (ready == 0) throw new IOException($"the server has not answered {pending} calls for {SilenceMilliseconds / 1000} s");
            for (int i = 0; i < ready; i++)
            {
                current = clients[epoll.Ready(i)];
                now = time.GetTimestamp();
                current.Receive(onAnswer);
                current.Send();
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
