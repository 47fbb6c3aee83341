using Gateway.Core.Execution.Devices;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>What a model takes of a device's memory, as far as that can be told before it is loaded.</summary>
internal static class DeviceNeeds
{
    /// <summary>Weights: all files of the version, external data included, as what a provider makes of them is known only afterwards.</summary>
    public static long OfWeights(ModelSource source) => FolderWalk.BytesOf(Path.GetDirectoryName(source.File)!);

    /// <summary>Inputs and outputs of an instance: of each batch under way, and one more (<see cref="DevicePipeline"/>). Those that a node on the CPU reads or writes are counted all the same.</summary>
    public static long OfSlots(ModelLayout layout, int lanes) =>
        (lanes + 1L) * layout.MaxBatchRows * layout.Inputs.Concat(layout.Outputs).Sum(static spec => (long)spec.RowBytes);

    /// <summary>What an instance takes: the arena that its model asks for, or all that it is known to need.</summary>
    /// <param name="isFirst">Whether it is the first on its device, for which the weights are loaded.</param>
    public static long Of(ModelSource source, ModelLayout layout, ProviderChoice choice, bool isFirst)
    {
        if (choice.ArenaLimit is { } arena) return isFirst ? arena : 0;
        long slots = OnnxExecutor.HasFixedShapes(layout) ? OfSlots(layout, choice.Lanes ?? DeviceOrders.LanesWhere(isQueued: !choice.IsWebGpu)) : 0;
        return slots + (isFirst ? OfWeights(source) : 0);
    }
}
