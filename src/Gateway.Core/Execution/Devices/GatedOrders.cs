namespace Gateway.Core.Execution.Devices;

/// <summary>Orders that each caller gives by itself, in its turn, to a device that has done them when the call returns.</summary>
/// <param name="gate">May be shared by several, where only one thing may be done at a time.</param>
public sealed class GatedOrders(StageGate gate) : DeviceOrders
{
    public override bool IsQueued => false;

    public override void Give(DeviceSlot slot, int rows, TimeProvider time)
    {
        using (gate.Hold()) slot.Tell(rows, time);
    }
}
