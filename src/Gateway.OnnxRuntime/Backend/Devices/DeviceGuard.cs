namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>Does things to a session in the device's turn; on the CPU, which has no traits, at once.</summary>
internal static class DeviceGuard
{
    public static void Guard(this DeviceTraits? traits, Action action)
    {
        traits?.Enter();
        try
        {
            action();
        }
        finally
        {
            traits?.Exit();
        }
    }

    public static T Guard<T>(this DeviceTraits? traits, Func<T> action)
    {
        traits?.Enter();
        try
        {
            return action();
        }
        finally
        {
            traits?.Exit();
        }
    }
}
