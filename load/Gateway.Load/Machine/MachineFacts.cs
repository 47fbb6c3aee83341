using System.Globalization;
using System.Runtime.InteropServices;

namespace Gateway.Load.Machine;

/// <summary>What a figure is worth nothing without: the machine it was taken on.</summary>
internal sealed record MachineFacts(string Cpu, int Cores, string System, string DotNet)
{
    public static MachineFacts Read() => new(Processor.Model, Processor.Cores, $"{RuntimeInformation.OSDescription}", Environment.Version.ToString());

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Cpu}, {Cores} cores, {System}, .NET {DotNet}");
}
