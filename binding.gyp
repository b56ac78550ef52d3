{
  # node-gyp and @electron/rebuild look for this file. The build itself is CMake's: see CMakeLists.txt.
  "targets": [
    {
      "target_name": "medilora",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt", "vendor/pin.json"],
          "outputs": ["build/Release/medilora.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
