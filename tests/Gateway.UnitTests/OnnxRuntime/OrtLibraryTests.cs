using Gateway.OnnxRuntime.Native;

namespace Gateway.UnitTests.OnnxRuntime;

public sealed class OrtLibraryTests
{
    [Fact]
    public void Find_InAFolderThatIsNamed_IsNotLookedForElsewhere()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-library-");
        string own = OrtLibrary.Find(null);
        string there = Path.Combine(folder.FullName, Path.GetFileName(own));

        Assert.Contains(there, Assert.Throws<DllNotFoundException>(() => OrtLibrary.Find(folder.FullName)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(there, []);
        Assert.Equal(there, OrtLibrary.Find(folder.FullName));
        Assert.NotEqual(there, own);

        folder.Delete(recursive: true);
    }
}
