using System.Net;
using Gateway.Load.Sockets;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Load;

/// <summary>Sends calls over frames at random times of a given mean rate (a Poisson process), whether or not those before have been answered.</summary>
/// <remarks>Latencies count from the time at which a call was to be sent, so that a server that is behind, or a client, cannot hide it.</remarks>
internal static class OpenLoop
{
    // As many as the server lets one connection have.
    private const int Window = 256;
    private const int Connections = 16;
    private const double LeadInShare = 0.2;
    private const int DrainMilliseconds = 2000;

    /// <param name="perSecond">Mean rate.</param>
    /// <param name="deadline">Time for an answer, as the client sees it.</param>
    public static OpenLoopResult Run(IPEndPoint server, FrameExchange exchange, double perSecond, TimeSpan deadline, double seconds, int seed, Func<TimeSpan> serverCpu)
    {
        using Epoll epoll = new(Connections);
        FrameClient[] clients = new FrameClient[Connections];
        Stack<int>[] free = new Stack<int>[Connections];
        TimeProvider time = TimeProvider.System;
        double frequency = time.TimestampFrequency;
        Random random = new(seed);
        LatencyHistogram answers = new();
        LatencyHistogram refusals = new();
        long inTime = 0;
        long late = 0;
        long refused = 0;
        long unsent = 0;
        long offered = 0;
        long underWay = 0;
        int current = 0;
        long now = 0;
        long counted = 0;
        long end = 0;
        long deadlineTicks = (long)(deadline.TotalSeconds * frequency);
        try
        {
            for (int i = 0; i < Connections; i++)
            {
                clients[i] = new FrameClient(server, exchange, Window)
                {
                    OnRefused = (slot, sentAt) =>
                    {
                        free[current].Push(slot);
                        underWay--;
                        if (sentAt < counted || sentAt >= end) return;
                        refused++;
                        refusals.Record((long)((now - sentAt) * (1e9 / frequency)));
                    },
                };
                free[i] = new Stack<int>(Enumerable.Range(0, Window));
                epoll.Add(clients[i].Socket, i);
            }

            TimeSpan clientBefore = Environment.CpuUsage.TotalTime;
            TimeSpan serverBefore = serverCpu();
            long start = time.GetTimestamp();
            counted = start + (long)(seconds * LeadInShare * frequency);
            end = start + (long)(seconds * frequency);
            double next = start;
            int turn = 0;
            while (true)
            {
                now = time.GetTimestamp();
                while (next <= now && next < end)
                {
                    bool counts = next >= counted;
                    if (counts) offered++;
                    turn = (turn + 1) % Connections;
                    if (free[turn].TryPop(out int slot))
                    {
                        clients[turn].Add(slot, (long)next);
                        underWay++;
                    }
                    else if (counts)
                    {
                        unsent++;
                    }

                    next -= Math.Log(1 - random.NextDouble()) / perSecond * frequency;
                }

                foreach (FrameClient client in clients) client.Send();
                int ready = epoll.Wait(0);
                now = time.GetTimestamp();
                for (int i = 0; i < ready; i++)
                {
                    current = epoll.Ready(i);
                    clients[current].Receive((slot, sentAt) =>
                    {
                        free[current].Push(slot);
                        underWay--;
                        if (sentAt < counted || sentAt >= end) return;
                        answers.Record((long)((now - sentAt) * (1e9 / frequency)));
                        if (now - sentAt <= deadlineTicks) inTime++;
                        else late++;
                    });
                }

                if (next >= end && underWay == 0) break;
                if (time.GetElapsedTime(end, now).TotalMilliseconds > DrainMilliseconds) throw new IOException($"{underWay} calls have no answer {DrainMilliseconds} ms after the last was sent");
            }

            double passed = time.GetElapsedTime(start).TotalSeconds;
            double measured = (end - counted) / frequency;
            return new OpenLoopResult(
                offered / measured, inTime / measured, late / measured, refused / measured, unsent / measured,
                answers.Microseconds(0.5), answers.Microseconds(0.99), refusals.Microseconds(0.5), refusals.Microseconds(0.99),
                (Environment.CpuUsage.TotalTime - clientBefore).TotalSeconds / passed,
                (serverCpu() - serverBefore).TotalSeconds / passed);
        }
        finally
        {
            foreach (FrameClient? client in clients) client?.Dispose();
        }
    }
}
