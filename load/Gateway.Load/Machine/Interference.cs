using System.Text.Json.Serialization;

namespace Gateway.Load.Machine;

/// <summary>Who had the CPUs of a machine over a stretch of load, when client and server share it: what others had, the server did not.</summary>
/// <param name="Cores">That client and server may use between them, above 0.</param>
/// <param name="Busy">Of them, all processes and interrupts together, on the average; -1 where not known.</param>
/// <param name="Client">Of them, this process.</param>
/// <param name="Server">Of them, the server's process; -1 where its metrics do not say.</param>
/// <param name="Others">Of them, all other processes; -1 where not known.</param>
/// <param name="StolenShare">Of the time, that the hypervisor gave to other machines, 0 to 1.</param>
internal sealed record Interference(double Cores, double Busy, double Client, double Server, double Others, double StolenShare)
{
    // What a system does by itself stays below; of many cores it does a little more.
    private const double MostOthers = 0.1;
    private const double MostOthersShare = 0.01;
    private const double MostStolen = 0.01;
    private const double Full = 0.95;
    private const double ALot = 0.1;

    /// <summary>Whether a trial that missed may have missed because of others.</summary>
    [JsonIgnore]
    public bool IsDisturbed => Others > Math.Max(MostOthers, MostOthersShare * Cores) || StolenShare > MostStolen;

    /// <summary>Whether nothing more could run on the machine.</summary>
    [JsonIgnore]
    public bool IsFull => Busy >= Full * Cores;

    /// <summary>Whether a server that had the machine to itself would have more of it.</summary>
    [JsonIgnore]
    public bool IsShared => Client > ALot * Cores || Others > ALot * Cores;

    /// <summary>What others did, for people.</summary>
    [JsonIgnore]
    public string Disturbance => $"{(Others >= 0 ? $"other processes had {Quantity.Number(Others)} cores" : "")}{(Others >= 0 && StolenShare > 0 ? ", " : "")}{(StolenShare > 0 ? $"other machines {Quantity.Share(StolenShare)} of the time" : "")}";

    /// <param name="from">The kernel's counts at the begin; null where it has none.</param>
    /// <param name="to">At the end.</param>
    /// <param name="seconds">Between them, above 0.</param>
    /// <param name="clientSeconds">CPU time of this process meanwhile.</param>
    /// <param name="serverCores">Of the server's process; negative where not known.</param>
    /// <param name="cores">That may be used.</param>
    /// <param name="online">That the machine has; where it has more, others' load on those is not in the way.</param>
    public static Interference Between(CpuTimes? from, CpuTimes? to, double seconds, double clientSeconds, double serverCores, double cores, int online)
    {
        double client = clientSeconds / seconds;
        double server = serverCores >= 0 ? serverCores : -1;
        double known = client + Math.Max(0, server);
        if (from is not { } begin || to is not { } end || end.All <= begin.All) return new Interference(cores, -1, client, server, -1, 0);
        double processes = (end.Processes - begin.Processes) / seconds;
        double stolen = Math.Max(0, end.Stolen - begin.Stolen) / (end.All - begin.All);
        bool isWhole = cores >= online;
        double busy = isWhole ? processes + ((end.Interrupts - begin.Interrupts) / seconds) : server < 0 ? -1 : known;
        return new Interference(cores, busy, client, server, isWhole && server >= 0 ? Math.Max(0, processes - known) : -1, stolen);
    }
}
